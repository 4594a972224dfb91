import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { evaluateBudgets } from '#billing/budgets/evaluate-budgets';
import { LedgerCore } from '#ledger/ledger-core';
import { fourEyesFrom } from '#runtime/environment';
import { apiForAll, beside, NOW } from '../support/api.js';
import { closeBrowser, signIn, visiting } from '../support/browser.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { apply, preview, shows } from '../support/console-dialogs.js';

// What is told of tenants and done for them, in a real browser, on the ledger of the story.

const api = apiForAll();
afterAll(closeBrowser);

const visited = async (
  who: string,
  path: string,
  work: (page: Page, asked: string[], faults: string[]) => Promise<void>,
) =>
  visiting({}, async ({ page, asked, faults }) => {
    await signIn(page, api().url, api().tokens.get(who) ?? '');
    await page.goto(`${api().url}/console/${path}`);
    await work(page, asked, faults);
    expect(faults).toEqual([]);
  });
const budgetsOf = (page: Page) => page.getByRole('table', { name: 'budgets' });

it('has its margin on the page of a tenant, for who may see it', async () => {
  await visited('platform_admin', 'tenants/acme?marginMonth=2026-04', async (page, asked) => {
    const margin = page.getByRole('region', { name: 'Margin' });
    // 4.00 less a credit note of 0.01; 2.90 of the bill for the deployment from 2 April on, and 0.10 for acme before
    await margin.getByText('$3.99').waitFor();
    // Not for the margin of all tenants with all their deployments.
    expect(asked.filter((path) => path.endsWith('/dashboard/margin'))).toEqual([]);
    await margin.getByRole('link', { name: 'Invoices and cost lines' }).click();
    await page.getByText(/^3\.99 − 3\.00 = 0\.99/).waitFor();
    await page.getByText('Cost: 2 lines').click();
    await page.getByText(/^digitalocean\/do-2026-04\/1 gateway 2\.90/).waitFor();
  });
  await visited('operator', 'tenants/acme?marginMonth=2026-04', async (page, asked) => {
    await page.getByRole('heading', { name: 'Budgets' }).waitFor();
    expect(asked.filter((path) => path.includes('margin'))).toEqual([]);
  });
});

it('says what a tenant owes so far, with periods also in UTC', async () => {
  const { body } = await api().command([
    tenant('lab', { name: 'Lab', timeZone: 'Europe/Berlin' }),
    deployment('lab-prod', 'lab'),
    plan('lab', '0', [{ billingKind: 'seat', price: { model: 'unit', unitAmount: '500.00' } }]),
    subscription('lab-sub', 'lab-prod', 'lab'),
    {
      ...{ command: 'observe-usage', deploymentId: 'lab-prod' },
      observations: [
        {
          ...{ resourceId: 'seat-1', billingKind: 'seat', granularity: 'day', quantity: '3000' },
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        },
      ],
    },
  ]);
  expect(body).toHaveLength(5);
  await visited('operator', 'tenants/lab', async (page) => {
    const gathering = page.getByRole('region', { name: 'Gathering now' });
    // 3000 × 500.00
    await gathering.locator('.figure').getByText('$1,500,000.00').waitFor();
    // The base fee of the plan is 0. Lines of nothing are shown to who wants them.
    const rows = gathering.getByRole('table').getByRole('row');
    expect(await rows.count()).toBe(2);
    await gathering.getByLabel('Also lines without usage and amount').check();
    await gathering.getByRole('row', { name: /base_fee .* \$0\.00/ }).waitFor();
    expect(await rows.count()).toBe(3);
    const seats = gathering.getByRole('row', { name: /lab-prod seat .* 3,000 \$1,500,000\.00/ });
    // The subscription begins at midnight in UTC; April in Berlin ends two hours before that of UTC.
    const period = seats.getByText('1 Apr 2026 – 1 May 2026');
    expect(await period.getAttribute('title')).toBe('1 Apr 2026, 00:00 – 30 Apr 2026, 22:00 UTC');
  });
  const grant = { tenantId: 'lab', currency: 'USD', from: '2026-04-03T00:00:00Z' };
  const changes = [
    {
      ...{ command: 'set-overrides', subscriptionId: 'lab-sub', tenantId: 'lab', baseFee: '8.00', items: [] },
      effectiveFrom: '2026-04-05T00:00:00Z',
    },
    { command: 'assign-deployment', deploymentId: 'lab-prod', tenantId: 'globex', from: '2026-04-10T00:00:00Z' },
    { command: 'grant-credit', creditId: 'sorry', amount: '5.00', ...grant },
    { command: 'grant-coupon', creditId: 'never', percent: '50', ...grant },
    {
      command: 'withdraw',
      what: 'grant-coupon',
      creditId: 'never',
      tenantId: 'lab',
      currency: 'USD',
      reason: 'a typo',
    },
    { command: 'correct-deployment', deploymentId: 'lab-prod', name: 'Lab', reason: 'renamed' },
  ];
  expect((await api().command(changes)).body).toEqual(changes.map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'tenants/lab', async (page) => {
    const part = (line: string, text: string) =>
      page.getByRole('list', { name: line }).getByText(text, { exact: true });
    await part('Plans of lab-sub over time', 'lab').waitFor();
    // Midnight of UTC is 2 in the morning in Berlin, on the same day.
    const tenants = page.getByRole('list', { name: 'Tenants of lab-sub over time' }).getByRole('listitem');
    await tenants.nth(1).waitFor();
    expect(await tenants.nth(0).getAttribute('title')).toBe('lab, 1 Apr 2026 – 10 Apr 2026');
    expect(await tenants.nth(1).getAttribute('title')).toMatch(/^globex, 10 Apr 2026 – /);
    await part('credit sorry in USD over time', 'credit sorry: $5.00').waitFor();
    const corrected = (stream: string) => page.getByRole('list', { name: `Corrections of ${stream}` });
    await corrected('credits-lab-USD')
      .getByText(/^GrantWithdrawn, .*: a typo$/)
      .waitFor();
    await corrected('deployment-lab-prod').getByRole('link', { name: 'DeploymentCorrected' }).click();
    await page.getByText('renamed').first().waitFor();
    await page.goBack();
    await part('Overrides of lab-sub over time', 'lab: base fee $8.00').click();
    await page
      .getByRole('table', { name: 'events' })
      .getByRole('row', { name: /OverridesSet/ })
      .waitFor();
  });
});

it('says what a tenant committed itself to, and what it owes', async () => {
  const { body } = await api().command([
    tenant('mill', { name: 'Mill' }),
    deployment('mill-prod', 'mill'),
    plan('mill', '12.00', [{ billingKind: 'seat', price: { model: 'unit', unitAmount: '2.00' } }]),
    subscription('mill-sub', 'mill-prod', 'mill'),
    {
      ...{ command: 'set-commitment', commitmentId: 'year', subscriptionId: 'mill-sub', tenantId: 'mill' },
      currency: 'USD',
      terms: [{ start: '2026-04-01T00:00:00Z', end: '2026-06-01T00:00:00Z', amount: '1000.00' }],
    },
    {
      ...{ command: 'observe-usage', deploymentId: 'mill-prod' },
      observations: [
        {
          ...{ resourceId: 'seat-1', billingKind: 'seat', granularity: 'day', quantity: '100' },
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        },
      ],
    },
    { command: 'create-invoice', tenantId: 'mill', asOf: '2026-05-01T00:00:00Z', unmetered: 'bill' },
  ]);
  const drafted = z.array(z.looseObject({ status: z.literal('done') })).parse(body);
  const { invoices } = z
    .object({ invoices: z.array(z.object({ invoiceId: z.string() })) })
    .parse(drafted.at(-1)?.['result']);
  const paid = {
    ...{ command: 'record-payment', tenantId: 'mill', currency: 'USD', paymentId: 'bank-1', amount: '50.00' },
    ...{ at: '2026-05-05T00:00:00Z', reference: 'transfer 4711' },
  };
  await api().command([
    { command: 'issue-invoice', invoiceId: invoices[0]?.invoiceId, at: '2026-05-01T00:00:00Z' },
    paid,
  ]);
  await visited('operator', 'tenants/mill?accountMonth=2026-05', async (page) => {
    const commitments = page.getByRole('table', { name: 'commitments' });
    // 1,000.00 − 100 × 2.00: the base fee does not count
    await commitments
      .getByRole('row', { name: /^year .*mill-prod all but base_fee .* \$1,000\.00 \$200\.00 \$800\.00 / })
      .waitFor();
    const account = page.getByRole('region', { name: 'Account' });
    // The fee of May in advance, that of April, and 200.00
    await account.getByRole('row', { name: /^bank-1 .* transfer 4711 \$50\.00 INV-\d+ \$50\.00 \$0\.00/ }).waitFor();
    const statement = account.getByRole('table', { name: 'statement of May 2026 in USD' });
    await statement.getByRole('row', { name: /invoice INV-\d+ .*\$224\.00 \$224\.00$/ }).waitFor();
    await statement.getByRole('row', { name: /payment bank-1 transfer 4711 -\$50\.00 \$174\.00$/ }).waitFor();
    const [shown] = await Promise.all([
      page.waitForEvent('popup'),
      account.getByRole('button', { name: 'Document statement of May 2026 in USD' }).click(),
    ]);
    await shown.getByText('174.00').first().waitFor();
  });
});

it('says who pays for a tenant, and for whom it pays', async () => {
  const { body } = await api().command([
    { command: 'set-payer', tenantId: 'lab', payerId: 'globex', effectiveFrom: '2026-04-01T00:00:00Z' },
    { command: 'create-invoice', tenantId: 'lab', asOf: '2026-05-01T00:00:00Z' },
  ]);
  expect(body).toEqual([1, 2].map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'tenants/lab', async (page) => {
    const payer = page.getByRole('region', { name: 'Payer', exact: true });
    await payer.getByRole('row', { name: /^Globex globex 1 Apr 2026 – open/ }).waitFor();
    await payer.getByText('It pays for no other tenant.').waitFor();
    await page.getByRole('table', { name: 'invoices' }).getByRole('link').first().click();
    await page.getByText('addressed to Globex globex').waitFor();
    await page.goto(`${api().url}/console/tenants/globex`);
    await payer.getByText('Its invoices are addressed to itself.').waitFor();
    await payer.getByRole('row', { name: /^Lab lab 1 Apr 2026 – open/ }).waitFor();
    await payer.getByText('There is no consolidated invoice for it.').waitFor();
  });
});

/** The id of the invoice of lab: a draft, or what became of it. */
async function draftOfLab(asOf: string): Promise<string> {
  const created = await api().command({ command: 'create-invoice', tenantId: 'lab', asOf });
  const { result } = z
    .object({ result: z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) }) })
    .parse(created.body);
  return result.invoices[0]?.invoiceId ?? '';
}

it('shows the consolidated invoices of a payer, and in which one an invoice is', async () => {
  const at = '2026-05-01T00:00:00Z';
  const invoiceId = await draftOfLab(at);
  const { body } = await api().command([
    { command: 'issue-invoice', invoiceId, at },
    { command: 'issue-consolidated-invoice', payerId: 'globex', currency: 'USD', at },
  ]);
  expect(body).toEqual([1, 2].map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'tenants/globex', async (page) => {
    const row = page.getByRole('table', { name: 'consolidated invoices' }).getByRole('row', { name: /^CI-000002/ });
    await row.getByText('issued', { exact: true }).waitFor();
    const opened = page.waitForEvent('popup');
    await row.getByRole('button', { name: 'Document CI-000002' }).click();
    await (await opened).getByRole('heading', { name: 'Consolidated invoice CI-000002' }).waitFor();
    await row.getByRole('link', { name: /^INV-/ }).click();
    await page.getByText('addressed to Globex globex').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'CI-000002' }).click();
    await row.waitFor();
  });
  // The payer itself.
  await visited('globex', 'overview', async (page) => {
    await page
      .getByRole('table', { name: 'consolidated invoices' })
      .getByRole('row', { name: /^CI-000002 issued/ })
      .waitFor();
  });
});

it('lists the transfers of a payer, with what each of its tenants got', async () => {
  const at = '2026-05-01T00:00:00Z';
  // It is there, or else is drafted and issued.
  const invoiceId = await draftOfLab(at);
  const { body } = await api().command([
    { command: 'issue-invoice', invoiceId, at },
    {
      ...{ command: 'record-transfer', payerId: 'globex', currency: 'USD', transferId: 'bank-7', amount: '100.00' },
      ...{ at: '2026-05-04T00:00:00Z', reference: 'Globex, April', invoiceIds: [invoiceId] },
    },
  ]);
  expect(body).toMatchObject([{}, { status: 'done' }]);
  await visited('operator', 'tenants/globex', async (page) => {
    const account = page.getByRole('region', { name: 'Account' });
    await account
      .getByRole('row', { name: /^bank-7 4 May 2026.* Globex, April \$100\.00 Lab lab \$100\.00 INV-\d+$/ })
      .waitFor();
    // One that sent nothing has no table of transfers.
    await page.goto(`${api().url}/console/tenants/lab`);
    await account.getByRole('row', { name: /^bank-7 .* \$100\.00 INV-\d+ \$100\.00/ }).waitFor();
    await page.waitForLoadState('networkidle');
    expect(await account.getByRole('table', { name: 'transfers' }).count()).toBe(0);
  });
});

it('shows a tenant the time line of what is its own, without events', async () => {
  await visited('tenant', 'overview', async (page, asked) => {
    await page.getByRole('list', { name: 'Plans of acme-sub over time' }).getByText('standard').waitFor();
    await page.getByRole('list', { name: 'credit later in USD over time' }).getByText('credit later: $1.00').waitFor();
    expect(asked.filter((path) => path.includes('events'))).toEqual([]);
  });
});

it('adds up the usage of all deployments of a tenant, while they were its own', async () => {
  const seats = (deploymentId: string, day: string, quantity: string) => ({
    ...{ command: 'observe-usage', deploymentId },
    observations: [
      {
        ...{ resourceId: 'seat-1', billingKind: 'seat', granularity: 'day', quantity },
        period: { start: `2026-04-${day}T00:00:00Z`, end: new Date(Date.UTC(2026, 3, Number(day) + 1)).toISOString() },
      },
    ],
  });
  const { body } = await api().command([
    deployment('lab-test', 'lab'),
    seats('lab-test', '03', '4'),
    seats('lab-prod', '12', '7'),
  ]);
  expect(body).toEqual([1, 2, 3].map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'usage?month=2026-04', async (page) => {
    const chart = page.getByRole('region', { name: 'By day' });
    const choose = async (field: string, option: string) => {
      await page.getByRole('combobox', { name: field }).click();
      await page.getByRole('option', { name: option, exact: true }).click();
    };
    await choose('Tenant', 'Lab (lab)');
    // 3000 of lab-prod and 4 of lab-test. lab-prod is of globex since 10 April.
    await chart.getByText('In all: seat 3,004').waitFor();
    // Days without usage are as wide as the others, to the last of the month.
    await chart.getByText('30 Apr', { exact: true }).waitFor();
    await choose('Deployment', 'lab-test');
    await chart.getByText('In all: seat 4').waitFor();
    await choose('Tenant', 'Globex (globex)');
    await chart.getByText('In all: seat 7').waitFor();
  });
});

it('finds a resource by the name of its provider, and a tenant by its name', async () => {
  await visited('operator', 'home', async (page, _asked, faults) => {
    // The name is compared by the API: of very many tenants, one is fetched.
    const byName = page.waitForRequest((request) => request.url().includes('/tenants?limit=1&name=Globex'));
    for (const [wanted, heading] of [
      ['gw-1', 'Usage'],
      ['Globex', 'Globex'],
    ] as const) {
      await page.getByLabel('Search').fill(wanted);
      await page.getByLabel('Search').press('Enter');
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
    }
    await byName;
    // Both are no id of a tenant, and no deployment.
    expect(faults.splice(0)).toEqual(Array.from({ length: 4 }, () => expect.stringContaining('404')));
  });
});

it('registers webhooks, shows a secret once, pauses, resumes and removes them', async () => {
  await visited('platform_admin', 'settings', async (page, _asked, faults) => {
    const row = page.getByRole('table', { name: 'webhooks' }).getByRole('row', { name: /books/ });
    await row.getByText('https://books.example').waitFor();
    await row.getByRole('button', { name: 'Pause books' }).click();
    await row.getByText('paused in the console').waitFor();
    await row.getByRole('button', { name: 'Resume books' }).click();
    await row.getByText('resumed in the console').waitFor();

    const dialog = page.getByRole('dialog');
    const close = async (): Promise<void> => {
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    };
    await page.getByRole('button', { name: 'Register a webhook' }).click();
    await dialog.getByLabel('Name of the endpoint').fill('shop');
    await dialog.getByLabel('Address (https)').fill('http://shop.example');
    await dialog.getByRole('button', { name: 'Register' }).click();
    await dialog.getByRole('alert').getByText(/https/).first().waitFor();
    await dialog.getByLabel('Address (https)').fill('https://shop.example');
    await dialog.getByLabel('Tenant (empty: all)').fill('acme');
    await dialog.getByRole('button', { name: 'Register' }).click();
    const secret = dialog.getByLabel('Secret of shop');
    const first = await secret.textContent();
    expect(first).toMatch(/^whsec_/);
    await close();
    await page
      .getByRole('table', { name: 'webhooks' })
      .getByRole('row', { name: /shop\.example. all acme/ })
      .waitFor();
    expect(await page.getByText(/whsec_/).count()).toBe(0);

    await page.getByRole('button', { name: 'Rotate secret shop' }).click();
    await dialog.getByLabel('Reason').fill('yearly');
    await dialog.getByRole('button', { name: 'Rotate' }).click();
    const second = await secret.textContent();
    expect(second).toMatch(/^whsec_/);
    expect(second).not.toBe(first);
    const { body } = await api().get('platform_admin', '/api/v1/webhooks/shop/secret');
    expect(body).toEqual({ webhookId: 'shop', secret: second });
    await close();

    await page.getByRole('button', { name: 'Remove shop' }).click();
    await dialog.getByLabel('Reason').fill('the shop is closed');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('row', { name: /shop\.example/ }).waitFor({ state: 'detached' });
    // The refused address.
    expect(faults.splice(0)).toEqual([expect.stringContaining('400')]);
  });
});

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
      await shows(page, 'thresholds that would change', /gateways Acme acme 2026-04 50 reached 8 10/);
      await shows(page, 'thresholds that would change', /gateways Acme acme 2026-04 80 reached 8 10/);
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
      await shows(page, 'thresholds that would change', /gateways Acme acme 2026-04 50 undone 8 20/);
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

describe('what is done with an invoice', () => {
  const credit = async (page: Page, amount: string): Promise<void> => {
    await page.getByRole('button', { name: 'Credit note' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Amount before tax in USD (empty: all of it)').fill(amount);
    await dialog.getByLabel('Reason').fill('an outage');
    await dialog.getByRole('button', { name: 'Credit note' }).click();
  };

  it('names what is left to pay, and is recorded once though its answer was lost', async () => {
    const payment = {
      ...{ command: 'record-payment', tenantId: 'acme', currency: 'USD', paymentId: 'in part', amount: '1.00' },
      ...{ at: NOW, invoiceIds: [api().invoiceId] },
    };
    expect((await api().command(payment)).body).toMatchObject({ status: 'done' });
    await visited('operator', `invoices/${api().invoiceId}`, async (page, _asked, faults) => {
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Mark as paid' }).click();
      // 4.00 less a credit note of 0.01, of which 1.00 is paid
      await dialog.getByText('Record that $2.99, which is left to pay of INV-000001, was paid?').waitFor();
      await page.keyboard.press('Escape');

      await page.route('**/api/v1/commands', async (route) => {
        await route.fetch();
        await route.abort();
      });
      await credit(page, '0.50');
      await dialog.getByRole('alert').getByText('No answer').waitFor();
      await page.unroute('**/api/v1/commands');
      // The client asked three times by itself.
      expect(faults.splice(0)).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('ERR_FAILED')));
      await dialog.getByRole('button', { name: 'Credit note' }).click();
      await dialog.waitFor({ state: 'detached' });
      const notes = page.getByRole('table', { name: 'credit notes' });
      await notes.getByText('$0.50').first().waitFor();
      // The titles, the note of 0.01, and this one
      expect(await notes.getByRole('row').count()).toBe(3);
    });
  });

  it('is said to be proposed where a second person decides', async () => {
    await beside(api(), fourEyesFrom({ LEDGERLINE_FOUR_EYES: 'USD:0.10' }), async (url) => {
      await visiting({}, async ({ page, faults }) => {
        await signIn(page, url, api().tokens.get('operator') ?? '');
        await page.goto(`${url}/console/invoices/${api().invoiceId}`);
        await credit(page, '0.20');
        const dialog = page.getByRole('dialog');
        await dialog.getByText('The change is above the limit for one person.').waitFor();
        expect(await dialog.getByRole('button', { name: 'Credit note' }).count()).toBe(0);
        expect(faults).toEqual([]);
      });
      const { body } = await api().get('operator', '/api/v1/audit/events?type=CommandProposed');
      const events = z.object({ items: z.array(z.object({ position: z.int() })) }).parse(body);
      await visiting({}, async ({ page, faults }) => {
        await signIn(page, url, api().tokens.get('platform_admin') ?? '');
        await page.goto(`${url}/console/settings`);
        const proposals = page.getByRole('table', { name: 'proposals' });
        const row = proposals.getByRole('row', { name: /create-credit-note .*amount 0\.20.* operator@specs/ });
        await row.getByRole('button', { name: 'Approve' }).click();
        const dialog = page.getByRole('dialog');
        await dialog
          .getByText(/^Carry out create-credit-note over \$0\.\d\d, .* amount 0\.20, reason an outage/)
          .waitFor();
        await dialog.getByRole('button', { name: 'Approve' }).click();
        await dialog.waitFor({ state: 'detached' });
        await row.getByText('approved').waitFor();
        // As it was proposed, it is open, and nothing can be decided there.
        await page.goto(`${url}/console/settings?asOf=${events.items.at(-1)?.position ?? 0}`);
        await row.getByText('open', { exact: true }).waitFor();
        expect(
          await page
            .getByRole('main')
            .getByRole('button', { name: /^(Approve|Revoke|Issue a token|Register a webhook)$/ })
            .count(),
        ).toBe(0);
        expect(faults).toEqual([]);
      });
    });
  });
});

it('previews a change in the currency of its price', async () => {
  const { body } = await api().command([
    tenant('euro', { name: 'Euro', currency: 'EUR' }),
    deployment('euro-prod', 'euro'),
    plan('euro', '0', [{ billingKind: 'seat', price: { model: 'unit', unitAmount: '2.00' } }], { currency: 'EUR' }),
    subscription('euro-sub', 'euro-prod', 'euro'),
    {
      ...{ command: 'observe-usage', deploymentId: 'euro-prod' },
      observations: [
        {
          ...{ resourceId: 'seat-1', billingKind: 'seat', granularity: 'day', quantity: '3' },
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        },
      ],
    },
  ]);
  expect(body).toEqual(Array.from({ length: 5 }, () => expect.objectContaining({ status: 'done' })));
  await visited('platform_admin', 'plans', async (page) => {
    await page.getByRole('button', { name: 'Correct euro: seat' }).click();
    await page.getByLabel('Unit amount').fill('1.00');
    await page.getByLabel('From').fill('2026-04-01T00:00:00Z');
    await preview(page);
    // 3 × (1.00 − 2.00) = −3.00; nothing is invoiced in euros.
    await shows(page, 'preview by invoice', /open Euro euro €6\.00 €3\.00 -€3\.00/);
    await shows(page, 'margin before and after', /Revenue €0\.00 €0\.00/);
    await page.keyboard.press('Escape');
    await page.goto(`${api().url}/console/what-if`);
    await page.getByLabel('Month').fill('2026-04');
    await page.getByRole('combobox', { name: 'Price of' }).fill('euro: seat');
    await page.getByRole('option', { name: 'euro: seat' }).click();
    await page.getByRole('button', { name: 'Show what it would be' }).click();
    await page
      .getByRole('table', { name: 'margin before and after' })
      .getByRole('row', { name: /Revenue €0\.00 €0\.00/ })
      .waitFor();
  });
});

it('says what to enter where an address can not be shown, and stays', async () => {
  await visited('operator', 'usage?deployment=acme-prod&month=2026-04', async (page, _asked, faults) => {
    const main = page.getByRole('main');
    const month = page.getByRole('textbox', { name: 'Month' });
    await month.fill('');
    await main.getByText('Enter a month such as 2026-04').waitFor();
    await month.fill('2026-04');
    await page.getByRole('table', { name: 'usage records' }).waitFor();
    await page.goto(`${api().url}/console/tenants/acme?budgetMonth=soon&accountMonth=2026-04`);
    await main.getByText('Enter a month such as 2026-04').waitFor();
    // The browser warns of a value that it does not take only where the field is shown already.
    await page.getByLabel('Month of the statement').fill('2026-05');
    await main.getByRole('button', { name: 'Document statement of May 2026 in USD' }).waitFor();
    expect(faults).toEqual([]);
    await page.goto(`${api().url}/console/invoices?status=soon`);
    await main.getByPlaceholder('All statuses').waitFor();
    await page.goto(`${api().url}/console/invoices?asOf=2026-04-16T01:30:00%2B02:00`);
    await page.getByRole('button', { name: 'As of 15 Apr 2026, 23:30' }).click();
    await page.getByRole('dialog').getByText('15 Apr 2026 23:30').waitFor();
    await page.goto(`${api().url}/console/invoices?asOf=999999`);
    await page.getByRole('button', { name: 'As of position 999999' }).click();
    const thumb = page.getByRole('slider', { name: 'Log position' });
    expect(await thumb.getAttribute('aria-valuenow')).toBe(await thumb.getAttribute('aria-valuemax'));
    // The API refuses a position that is not there yet.
    expect(faults.splice(0)).toContainEqual(expect.stringContaining('400'));
    await page.goto(`${api().url}/console/tenants?asOf=yesterday`);
    await main.getByRole('alert').getByText('There is no such moment').waitFor();
    await main.getByRole('button', { name: 'Back to now' }).click();
    await page.getByRole('table', { name: 'tenants' }).waitFor();
    expect(faults).toEqual([]);
    // An id with a character that encodes others. There is nothing of this name.
    await page.goto(`${api().url}/console/explain/100%25`);
    await main.getByRole('alert').getByText('100%').waitFor();
    // A page that can't be loaded
    await page.route('**/assets/plans*', async (route) => route.abort());
    await page.getByRole('link', { name: 'Plans' }).click();
    await main.getByRole('alert').getByText("The page can't be shown").waitFor();
    await page.getByRole('link', { name: 'Tenants' }).click();
    await page.getByRole('table', { name: 'tenants' }).waitFor();
    expect(faults.splice(0)).toEqual(
      expect.arrayContaining([expect.stringContaining('404'), expect.stringContaining('ERR_FAILED')]),
    );
  });
});

it('has a page for each tenant, deployment and reading, whatever characters their ids have', async () => {
  const ids = ['ops@acme.com', 'acct:42', 'a/b', '100%', '%41 + 1', '4711'];
  const commands = [
    ...ids.map((id) => tenant(id, { name: `Tenant ${id}` })),
    deployment('100% of a/b', 'a/b'),
    {
      ...{ command: 'observe-usage', deploymentId: '100% of a/b' },
      observations: [
        {
          ...{ resourceId: 'disk/%2F', billingKind: 'gb/hours', granularity: 'day', quantity: '21' },
          period: { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' },
        },
      ],
    },
  ];
  expect((await api().command(commands)).body).toEqual(commands.map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'tenants', async (page) => {
    for (const id of ids) {
      await page.goto(`${api().url}/console/tenants/${encodeURIComponent(id)}`);
      await page.getByRole('heading', { name: `Tenant ${id}` }).waitFor();
      // Another parameter of the address leaves the id as it is.
      await page.getByLabel('Month (empty: now)').fill('2026-04');
      await page.waitForURL('**/tenants/*?budgetMonth=2026-04');
      await page.getByRole('heading', { name: `Tenant ${id}` }).waitFor();
    }
    // Digits alone are first a name, and then a position.
    await page.getByLabel('Search').fill('4711');
    await page.getByLabel('Search').press('Enter');
    await page.waitForURL('**/tenants/4711');
    await page.goto(
      `${api().url}/console/usage?${new URLSearchParams({ deployment: '100% of a/b', month: '2026-04' }).toString()}`,
    );
    await page.getByRole('table', { name: 'usage records' }).getByRole('link').click();
    await page.getByText('100% of a/b, disk/%2F, 2 Apr 2026 – 3 Apr 2026').waitFor();
  });
});

it('shows nothing to someone that another one was shown before in the same tab', async () => {
  await visited('operator', 'invoices', async (page) => {
    const number = page.getByRole('main').getByText('INV-000001');
    await number.waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
    await page.route('**/api/v1/invoices*', async (route) => {
      await held;
      await route.continue();
    });
    await page.locator('input[type=password]').fill(api().tokens.get('globex') ?? '');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('main').getByRole('status', { name: 'Loading' }).waitFor();
    expect(await number.count()).toBe(0);
    release(undefined);
    await page.getByRole('main').getByRole('status', { name: 'Loading' }).waitFor({ state: 'detached' });
    expect(await number.count()).toBe(0);
  });
});

it('finds a price that is not among the first of all', async () => {
  // A page of the list has 500.
  const rates = Array.from({ length: 501 }, (_, n) => ({
    ...{ command: 'set-rate', resourceType: 'zz', resourceFamily: 'disk', location: String(n).padStart(3, '0') },
    ...{ unitPrice: '0.01', effectiveFrom: '2026-01-01T00:00:00Z' },
  }));
  const { body } = await api().command(rates);
  expect(body).toEqual(rates.map(() => expect.objectContaining({ status: 'done' })));
  await visited('operator', 'rates?key=zz%2Fdisk%40500', async (page) => {
    await page.getByRole('list', { name: 'Price as known now' }).getByText('$0.01').waitFor();
    // What is not known at the moment of the page is said to be so.
    await page.goto(`${api().url}/console/rates?key=zz%2Fdisk%40500&asOf=1`);
    await page.getByText('No price of zz/disk@500 is known at this moment.').waitFor();
    await page.goto(`${api().url}/console/what-if`);
    await page.getByRole('combobox', { name: 'Price of' }).fill('zz/disk@500');
    await page.getByRole('option', { name: 'zz/disk@500' }).click();
    await page.getByLabel('Price in USD').waitFor();
  });
});

// After the others: it adds invoices in euros, which none of them has.
it('says what payers owe of an account, and what a payer owes for others', async () => {
  const zDrafted = z.object({ result: z.object({ invoices: z.array(z.object({ invoiceId: z.string() })) }) });
  const { body } = await api().command([
    tenant('trust', { name: 'Trust' }),
    tenant('wing', { name: 'Wing', currencies: ['USD', 'EUR'] }),
    plan('wing', '30.00', []),
    { ...plan('wing-eur', '20.00', []), currency: 'EUR' },
    ...[deployment('wing-prod', 'wing'), subscription('wing-sub', 'wing-prod', 'wing')],
    ...[deployment('wing-test', 'wing'), subscription('wing-eur', 'wing-test', 'wing-eur')],
    { command: 'set-payer', tenantId: 'wing', payerId: 'trust', effectiveFrom: '2026-05-01T00:00:00Z' },
  ]);
  expect(body).toEqual(Array.from({ length: 9 }, () => expect.objectContaining({ status: 'done' })));
  // The fees of April are its own. Those of May are addressed to trust.
  for (const at of ['2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z']) {
    const created = await api().command({ command: 'create-invoice', tenantId: 'wing', asOf: at });
    for (const { invoiceId } of zDrafted.parse(created.body).result.invoices)
      expect((await api().command({ command: 'issue-invoice', invoiceId, at })).body).toMatchObject({ status: 'done' });
  }
  const of = { payerId: 'trust', currency: 'USD' };
  const done = await api().command([
    { command: 'issue-consolidated-invoice', ...of, at: '2026-05-02T00:00:00Z' },
    { command: 'record-transfer', ...of, transferId: 'bank-8', amount: '10.00', at: '2026-05-04T00:00:00Z' },
  ]);
  expect(done.body).toMatchObject([{ status: 'done' }, { status: 'done' }]);
  await visited('operator', 'tenants/wing?accountMonth=2026-05', async (page) => {
    const account = page.getByRole('region', { name: 'Account' });
    await account.getByRole('row', { name: /^bank-8 4 May 2026.* Trust trust \$10\.00 INV-\d+ \$10\.00/ }).waitFor();
    const figures = account.locator('.figures').filter({ hasText: '$50.00' });
    // 30.00 of April and 30.00 of May, less 10.00
    await figures.getByText('Closing balance$50.00').waitFor();
    await figures.getByText('To be paid by trust$20.00').waitFor();
    await figures.getByText('To be paid by itself$30.00').waitFor();
    // One that pays for nobody has no statement for others.
    await page.waitForLoadState('networkidle');
    expect(await account.getByRole('table', { name: /for others$/ }).count()).toBe(0);
  });
  await visited('operator', 'tenants/trust?accountMonth=2026-05', async (page) => {
    const row = page.getByRole('table', { name: 'consolidated invoices' }).getByRole('row', { name: /^CI-/ });
    await row.getByText('$20.00').waitFor();
    await page.getByRole('columnheader', { name: 'Left to pay' }).waitFor();
    const account = page.getByRole('region', { name: 'Account' });
    const inDollars = account.getByRole('table', { name: 'statement of May 2026 in USD for others' });
    await inDollars.getByRole('row', { name: /invoice INV-\d+ Wing wing \$30\.00 \$30\.00$/ }).waitFor();
    await inDollars.getByRole('row', { name: /payment INV-\d+ Wing wing -\$10\.00 \$20\.00$/ }).waitFor();
    // In a currency that is not its own.
    const inEuros = account.getByRole('table', { name: 'statement of May 2026 in EUR for others' });
    await inEuros.getByRole('row', { name: /invoice INV-\d+ Wing wing €20\.00 €20\.00$/ }).waitFor();
    const [shown] = await Promise.all([
      page.waitForEvent('popup'),
      account.getByRole('button', { name: 'Document statement of May 2026 in EUR for others' }).click(),
    ]);
    await shown.getByText('invoices that you pay for others').waitFor();
  });
});
