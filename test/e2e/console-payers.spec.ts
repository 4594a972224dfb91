import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { apiForAll } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { apply, preview, shows } from '../support/console-dialogs.js';

// Who pays for a tenant, in a real browser.

const api = apiForAll();
beforeAll(async () => {
  const { body } = await api().command([
    tenant('lab', { name: 'Lab' }),
    tenant('trust', { name: 'Trust' }),
    deployment('lab-d', 'lab', { from: '2026-01-01T00:00:00Z' }),
    plan('lab', '30.00', []),
    subscription('lab-s', 'lab-d', 'lab', { from: '2026-01-01T00:00:00Z' }),
    { command: 'create-invoice', tenantId: 'lab', asOf: '2026-02-01T00:00:00Z' },
  ]);
  const outcomes = body as { readonly result?: { readonly invoices: readonly { readonly invoiceId: string }[] } }[];
  expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ status: 'done' })));
  const invoiceId = outcomes.at(-1)?.result?.invoices[0]?.invoiceId;
  const issue = { command: 'issue-invoice', invoiceId, at: '2026-02-01T00:00:00Z' };
  expect((await api().command(issue)).body).toMatchObject({ status: 'done' });
});
afterAll(closeBrowser);

const visited = async (who: string, work: (page: Page) => Promise<void>) =>
  visiting({}, async ({ page, faults }) => {
    await signIn(page, api().url, api().tokens.get(who) ?? '');
    await page.goto(`${api().url}/console/tenants/lab`);
    await work(page);
    expect(faults).toEqual([]);
  });

it('shows which invoices another payer addresses to another, before it is recorded', async () => {
  await visited('operator', async (page) => {
    const payer = page.getByRole('region', { name: 'Payer', exact: true });
    await payer.getByText('Its invoices are addressed to itself.').waitFor();
    await payer.getByRole('button', { name: 'Set a payer' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Tenant that pays').fill('trust');
    await dialog.getByLabel('From').fill('2026-01-01T00:00:00Z');
    await preview(page);
    // Another payer may change the shares of a pool: the money is shown too.
    await dialog.getByText('before tax, on 0 lines').waitFor();
    const table = 'addressees that would change';
    // What was issued stays. What is open would be on its next invoice.
    await shows(page, table, /^INV-\d+ Lab lab USD lab trust, if it were issued now/);
    await shows(page, table, /^open Lab lab USD lab trust/);
    await dialog.getByText('To address it to another, void it and bill it again.').waitFor();
    await apply(page, /^The payer is recorded/);
    await payer.getByRole('row', { name: /^Trust trust 1 Jan 2026 – open/ }).waitFor();

    await payer.getByRole('button', { name: 'Correct payer trust' }).click();
    await dialog.getByLabel('Tenant that pays').fill('');
    await dialog.getByLabel('Until').fill('2026-03-01T00:00:00Z');
    await preview(page);
    await dialog.getByText('No invoice would be addressed to another.').waitFor();
    await apply(page, /^The payer is recorded/);
    await payer.getByRole('row', { name: /^Trust trust 1 Mar 2026 – open/ }).waitFor();
  });
  // Who may not change it is not offered to.
  await visited('auditor', async (page) => {
    await page.getByRole('region', { name: 'Payer', exact: true }).getByText('Trust').waitFor();
    expect(await page.getByRole('button', { name: 'Set a payer' }).count()).toBe(0);
  });
});
