import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import { LedgerCore } from '#ledger/ledger-core';
import { apiForAll, NOW } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { apply, preview, shows } from '../support/console-dialogs.js';

// The budgets of a tenant in a real browser, on the ledger of the story.

const api = apiForAll();
afterAll(closeBrowser);

const visited = async (who: string, path: string, work: (page: Page, asked: string[]) => Promise<void>) =>
  visiting({}, async ({ page, asked, faults }) => {
    await signIn(page, api().url, api().tokens.get(who) ?? '');
    await page.goto(`${api().url}/console/${path}`);
    await work(page, asked);
    expect(faults).toEqual([]);
  });
const budgetsOf = (page: Page) => page.getByRole('table', { name: 'budgets' });

describe('the budgets of a tenant', () => {
  let before = 0;
  beforeAll(async () => {
    before = await api().app.get(LedgerCore).projector.catchUp();
  });

  it('are set, corrected and withdrawn by who may, after a preview of what would be reached', async () => {
    await visited('operator', 'tenants/acme?budgetMonth=2026-04', async (page) => {
      const dialog = page.getByRole('dialog');
      await page.getByText('No budget is in force in this month. Set one, or choose another month.').waitFor();
      await page.getByRole('button', { name: 'Set a budget' }).click();
      await dialog.getByLabel('Name of the budget').fill('gateways');
      await dialog.getByRole('combobox', { name: 'Limit of' }).click();
      await page.getByRole('option', { name: 'a quantity' }).click();
      await dialog.getByLabel('Billing kind').fill('gateway');
      await dialog.getByLabel('Quantity a month').fill('10');
      await dialog.getByLabel('From').fill('2026-04-01T00:00:00Z');
      await preview(page);
      // 8 of 10 are used: 80 %
      await shows(page, 'thresholds that would change', /gateways acme 2026-04 50 reached 8 10/);
      await shows(page, 'thresholds that would change', /gateways acme 2026-04 80 reached 8 10/);
      await apply(page, /The budget is recorded/);
      const row = budgetsOf(page).getByRole('row', { name: /gateways 2026-04 gateway 10 8 80/ });
      await row.getByText('80 % reached', { exact: true }).waitFor();
      await row.getByText('100 % not reached', { exact: true }).waitFor();

      const core = api().app.get(LedgerCore);
      await evaluateBudgets(core, { actor: 'scheduler', role: 'operator', now: NOW }, null);
      await page.reload();
      await row.getByText('80 % reached, reached').waitFor();
      await row.getByRole('button', { name: 'Correct budget gateways' }).click();
      await dialog.getByLabel('Quantity a month').fill('20');
      await preview(page);
      // 8 of 20: 40 %
      await shows(page, 'thresholds that would change', /gateways acme 2026-04 50 undone 8 20/);
      await apply(page, /The budget is recorded/);
      await budgetsOf(page)
        .getByRole('row', { name: /gateways 2026-04 gateway 20 8 40/ })
        .waitFor();

      await page.getByRole('button', { name: 'Set a budget' }).click();
      await dialog.getByLabel('Name of the budget').fill('money');
      await dialog.getByLabel('Amount a month').fill('1000');
      await dialog.getByLabel('Thresholds in percent').fill('100');
      await dialog.getByLabel('From').fill('2026-04-01T00:00:00Z');
      await preview(page);
      await dialog.getByText('No threshold would be reached or undone.').waitFor();
      await apply(page, /The budget is recorded/);
      await budgetsOf(page)
        .getByRole('row', { name: /money 2026-04 amount before tax and credits \$1,000\.00/ })
        .waitFor();
      await page.getByRole('button', { name: 'Withdraw budget money' }).click();
      await preview(page);
      await apply(page, /The budget is recorded/);
      await budgetsOf(page).getByRole('row', { name: /money/ }).waitFor({ state: 'detached' });
    });
  });

  it('are shown to the tenant and to auditors, who change nothing, as they were at any moment', async () => {
    await visited('auditor', 'tenants/acme?budgetMonth=2026-04', async (page) => {
      await budgetsOf(page)
        .getByRole('row', { name: /gateways/ })
        .waitFor();
      expect(await page.getByRole('button', { name: /budget/ }).count()).toBe(0);
      await page.goto(`${api().url}/console/tenants/acme?budgetMonth=2026-04&asOf=${before}`);
      await page.getByText('No budget is in force in this month.').waitFor();
    });
    await visited('tenant', 'overview?budgetMonth=2026-04', async (page, asked) => {
      await budgetsOf(page)
        .getByText(/^100 % not reached$/)
        .waitFor();
      expect(await page.getByRole('button', { name: /budget/ }).count()).toBe(0);
      expect(asked.filter((path) => path.includes('preview'))).toEqual([]);
    });
  });
});
