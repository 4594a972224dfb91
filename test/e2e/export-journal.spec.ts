import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { cli, folder, type Ran } from '../support/cli.js';
import { deployment, plan, subscription, tenant } from '../support/commands.js';
import { isInstalled, ran } from '../support/hledger.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

/** The example of docs/exporting.md: the books of April, in which the revenue is 71.12. */

const [APRIL, MAY] = ['2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z'];
const cost = (lineKey: string, amount: string, kind: string, category = 'usage') => ({
  ...{ lineKey, amount, kind, category, currency: 'USD', chargePeriod: { start: APRIL, end: MAY } },
});

let test: TestLedger;
let files: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  [test, files] = await Promise.all([testLedger(), folder()]);
  await test.apply(
    tenant('dashboard-pilot'),
    deployment('site', 'dashboard-pilot'),
    plan('studio', '50.00', [
      { billingKind: 'droplet_hours', included: '1488', price: { model: 'unit', unitAmount: '0.01' } },
    ]),
    subscription('s', 'site', 'studio'),
  );
  await billed(APRIL);
  await test.apply(
    {
      ...{ command: 'observe-usage', deploymentId: 'site' },
      observations: [
        {
          ...{ resourceId: 'droplets', billingKind: 'droplet_hours', granularity: 'event', quantity: '3600' },
          period: { start: APRIL, end: MAY },
        },
      ],
    },
    {
      ...{ command: 'record-cost', provider: 'digitalocean', invoiceRef: '2026-04' },
      lines: [cost('1', '30.53', 'droplet'), cost('2', '56.39', 'support'), cost('3', '7.00', 'droplet', 'tax')],
    },
  );
  await billed(MAY);
  const { items } = await test.ask<{ items: readonly { invoiceId: string; number: string }[] }>('invoices');
  const invoiceId = items.find(({ number }) => number === 'INV-000001')?.invoiceId;
  await test.apply({ command: 'pay-invoice', invoiceId, at: '2026-04-20T00:00:00Z' });
});
afterAll(async () => {
  await Promise.all([test.close(), files.remove()]);
});

async function billed(asOf: string): Promise<void> {
  const body = { command: 'create-invoice', tenantId: 'dashboard-pilot', asOf, unmetered: 'bill' };
  const [created] = await test.apply(body);
  const { invoices } = (created as unknown as { result: { invoices: readonly { invoiceId: string }[] } }).result;
  for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at: asOf });
}

const journal = async (...args: readonly string[]): Promise<Ran> =>
  cli(['export', 'journal', ...args, '--data-dir', files.path], { env: { DATABASE_URL: test.url } });

/** The blocks of the section with this heading. */
async function blocksOf(page: string, heading: string): Promise<string[]> {
  const section = (await readFile(page, 'utf8')).split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, text = '']) => text);
}

it('is what the manual shows, and adds up to the margin', async () => {
  const [commands = '', shown = '', , balance = ''] = await blocksOf('docs/exporting.md', 'The journal');
  expect(commands).toContain('npx ledgerline export journal --period 2026-04 --format hledger > april.journal\n');
  const { code, stdout, stderr } = await journal('--period', '2026-04', '--format', 'hledger');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.trimStart()).toBe(shown);

  const { overall } = await test.ask<{ overall: object }>('margin', { period: '2026-04' });
  // 50.00 + 21.12, and 30.53 + 56.39
  expect(overall).toMatchObject({ revenue: '71.12', cogs: '86.92' });
  if (isInstalled('hledger')) {
    const file = await files.write('april.journal', stdout);
    expect(await ran('hledger', '-f', file, 'balance', 'Income', 'Expenses', '--tree', '--no-total')).toBe(balance);
  }
  if (isInstalled('ledger')) {
    const file = await files.write('april.ledger', (await journal('--period', '2026-04', '--format', 'ledger')).stdout);
    expect(await ran('ledger', '-f', file, 'balance', '^Income', '--depth', '1')).toContain('-71.12 USD  Income\n');
  }
});

it('names accounts by a file, in YAML or JSON, as of a position', async () => {
  const [, , mapping = ''] = await blocksOf('docs/exporting.md', 'The journal');
  const accounts = await files.write('accounts.yaml', mapping);
  const { code, stdout, stderr } = await journal('--period', '2026-05', '--accounts', accounts);
  expect([code, stderr]).toEqual([0, '3 rows\n']);
  const rows = parse<Record<string, string>>(stdout, { columns: true });
  expect(
    rows.map(({ date, account, amount, kind, chargeMonth, bookedMonth }) => [
      ...[date, account, amount, kind, chargeMonth, bookedMonth],
    ]),
  ).toEqual([
    // 21.12 for April, which was accrued there, and May's fee.
    ['2026-05-01', '1200', '71.12', '', '', '2026-05'],
    ['2026-05-01', 'Assets:Accrued-revenue', '-21.12', 'droplet_hours', '2026-04', '2026-05'],
    ['2026-05-01', '0441', '-50.00', 'base_fee', '2026-05', '2026-05'],
  ]);
  // Before anything was issued.
  expect((await journal('--period', '2026-05', '--as-of', '4', '--json')).stdout).toBe('');
});

it('is a file that bookkeeping programs import, in one currency', async () => {
  const of = ['--period', '2026-05', '--currency', 'USD'];
  const { code, stdout, stderr } = await journal(...of, '--format', 'quickbooks');
  expect([code, stderr, stdout.trimEnd().split('\r\n')]).toEqual([
    0,
    '',
    [
      '*JournalNo,*JournalDate,*AccountName,*Debits,*Credits,Description,Name,Currency,Location,Class',
      '2026-05-62f0847e8e5c7,05/01/2026,Assets:Receivable,71.12,,INV-000002: INV-000002 dashboard-pilot,dashboard-pilot,USD,,',
      '2026-05-62f0847e8e5c7,05/01/2026,Assets:Accrued-revenue,,21.12,' +
        'INV-000002: INV-000002 dashboard-pilot droplet_hours 2026-04,dashboard-pilot,USD,,',
      '2026-05-62f0847e8e5c7,05/01/2026,Income:Revenue:Base-fee,,50.00,' +
        'INV-000002: INV-000002 dashboard-pilot base_fee 2026-05,dashboard-pilot,USD,,',
    ],
  ]);
  const euros = await journal('--period', '2026-05', '--currency', 'EUR', '--format', 'quickbooks');
  expect(euros.stdout.trimEnd().split('\r\n').length).toBe(1);
  expect(await journal('--period', '2026-05', '--format', 'quickbooks')).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('quickbooks is in one currency. Give --currency') },
  });
  expect(await journal(...of, '--format', 'xero')).toMatchObject({
    ...{ code: 1, stderr: expect.stringContaining('accounts.receivable is "Assets:Receivable"') },
  });
});

it('refuses a mapping that it does not understand, and who may not see cost', async () => {
  const refused = async (accounts: object, format = 'beancount'): Promise<string> =>
    test.ledger.export('journal', { period: '2026-04', accounts, format }, ADMIN).then(
      () => 'taken',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
  expect(await refused({ reveneu: 'Income:Sales' })).toContain('reveneu');
  expect(await refused({ revenue: '4400' })).toBe(
    'export journal: accounts.revenue is "4400", which is not an account name in beancount.' +
      ' Begin with Assets, Liabilities, Equity, Income or Expenses; then parts such as :Tax-payable.',
  );
  expect(await refused({ revenue: '4400' }, 'hledger')).toBe('taken');
  expect(await refused({ revenue: 'a  b' }, 'hledger')).toContain('not an account name in hledger');
  expect(await refused({ revenueByKind: { droplet_hours: 'a\nb' } }, 'ledger')).toContain(
    'revenueByKind.droplet_hours',
  );
  expect(await refused({ bank: 'Assets:{kind}' })).toBe(
    'export journal: accounts.bank contains {kind}, which is not known there (allowed: nothing in braces)',
  );
  await expect(test.ledger.export('journal', {}, ADMIN)).rejects.toThrow('export journal needs a month.');
  await expect(
    test.ledger.export('journal', { period: '2026-04' }, { ...ADMIN, role: 'auditor' }),
  ).rejects.toMatchObject({ code: 'forbidden' });
  expect(await cli(['export', 'usage', '--accounts', 'a.yaml'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--accounts: export usage has no accounts. Leave it out.') as unknown,
  });
});

it('reverses the first booking of a closed month in the next month, if it is withdrawn', async () => {
  const own = await testLedger();
  const posted = async (period: string): Promise<object[]> => {
    const { rows } = await own.ledger.export('journal', { period, format: 'jsonl' }, ADMIN);
    return Array.fromAsync(rows);
  };
  try {
    const payment = { tenantId: 't', currency: 'USD', paymentId: 'p' };
    await own.apply(
      tenant('t'),
      { command: 'record-payment', ...payment, amount: '10.00', at: '2026-01-15T00:00:00Z' },
      { command: 'close-period', month: '2026-01' },
    );
    const january = await posted('2026-01');
    expect(january).toMatchObject([{ amount: '10.00' }, { amount: '-10.00' }]);
    await own.apply({ command: 'withdraw', what: 'record-payment', ...payment, reason: 'of another tenant' });
    expect(await posted('2026-01')).toEqual(january);
    const late = { type: 'late', originalMonth: '2026-01', bookedMonth: '2026-02' };
    expect(await posted('2026-02')).toMatchObject([
      { ...late, amount: '-10.00', transaction: expect.stringMatching(/\/late\/2026-01\/2026-02$/) },
      { ...late, amount: '10.00' },
    ]);
  } finally {
    await own.close();
  }
});

it('names a bought credit by its id, not by what the bank says of its payment', async () => {
  await test.apply({
    ...{ command: 'grant-credit', creditId: 'top-up', tenantId: 'dashboard-pilot', currency: 'USD', amount: '20' },
    ...{ from: '2026-05-03T00:00:00Z', payment: { reference: 'J. Doe, rent', at: '2026-05-03T00:00:00Z' } },
  });
  const { code, stdout } = await journal('--period', '2026-05', '--format', 'csv');
  expect(code).toBe(0);
  const rows = parse<Record<string, string>>(stdout, { columns: true });
  expect(rows.filter(({ type }) => type === 'prepayment').map(({ document, amount }) => [document, amount])).toEqual([
    ['top-up', '20.00'],
    ['top-up', '-20.00'],
  ]);
  expect(stdout).not.toContain('Doe');
});

it('takes what is left of a bought credit out of the liabilities on the day on which it ends', async () => {
  const own = await testLedger();
  const posted = async (period: string): Promise<string[]> => {
    const { rows } = await own.ledger.export('journal', { period, format: 'jsonl' }, ADMIN);
    return (await Array.fromAsync(rows)).map((row) => {
      const { date, type, document, account, amount } = row as Record<string, string>;
      return [date, type, document, account, amount].join(' ');
    });
  };
  const bought = (creditId: string, amount: string) => ({
    ...{ command: 'grant-credit', creditId, tenantId: 't', currency: 'USD', amount, from: APRIL },
    payment: { reference: 'bank', at: APRIL },
  });
  try {
    await own.apply(
      tenant('t'),
      { ...bought('until June', '20.00'), until: '2026-06-10T12:00:00Z' },
      { ...bought('revoked', '5.00') },
      {
        ...{ command: 'revoke-credit', creditId: 'revoked', tenantId: 't', currency: 'USD' },
        ...{ at: '2026-05-20T00:00:00Z', reason: 'as agreed' },
      },
    );
    expect(await posted('2026-05')).toEqual([
      '2026-05-20 expiry revoked Liabilities:Prepaid-credit 5.00',
      '2026-05-20 expiry revoked Income:Prepaid-credit-expired -5.00',
    ]);
    expect(await posted('2026-06')).toEqual([
      '2026-06-10 expiry until June Liabilities:Prepaid-credit 20.00',
      '2026-06-10 expiry until June Income:Prepaid-credit-expired -20.00',
    ]);
  } finally {
    await own.close();
  }
});

it('books a document on the day that it says, also where that day is in another month in UTC', async () => {
  const own = await testLedger();
  try {
    const of = (tenantId: string, timeZone: string): object[] => [
      { command: 'register-tenant', tenantId, name: tenantId, currency: 'USD', timeZone },
      deployment(`${tenantId}-site`, tenantId),
      subscription(`${tenantId}-s`, `${tenantId}-site`, 'studio'),
    ];
    await own.apply(
      plan('studio', '50.00', []),
      ...of('berlin', 'Europe/Berlin'),
      ...of('new-york', 'America/New_York'),
    );
    const issued = async (tenantId: string, at: string): Promise<string> => {
      const body = { command: 'create-invoice', tenantId, asOf: at, unmetered: 'bill' };
      const [created] = await own.apply(body);
      const { invoices } = (created as unknown as { result: { invoices: readonly { invoiceId: string }[] } }).result;
      const invoiceId = invoices[0]?.invoiceId ?? '';
      await own.apply({ command: 'issue-invoice', invoiceId, at });
      return invoiceId;
    };
    // Midnight of 1 May in Berlin, and 22:00 of 30 April in New York.
    await issued('berlin', '2026-04-30T22:00:00Z');
    const second = await issued('new-york', '2026-05-01T02:00:00Z');
    await own.apply({ command: 'void-invoice', invoiceId: second, at: '2026-06-01T01:00:00Z' });
    const booked = async (period: string): Promise<string[]> => {
      const { rows } = await own.ledger.export('journal', { period, format: 'csv' }, ADMIN);
      const lines = await Array.fromAsync(rows, (row) => row as Readonly<Record<string, string>>);
      return [
        ...new Set(
          lines
            .filter(({ type }) => type === 'invoice' || type === 'void')
            .map(({ date, transaction, bookedMonth }) => `${date} ${transaction} ${bookedMonth}`),
        ),
      ];
    };
    expect(await booked('2026-04')).toEqual(['2026-04-30 INV-000002 2026-04']);
    expect(await booked('2026-05')).toEqual(['2026-05-01 INV-000001 2026-05', '2026-05-31 INV-000002/void 2026-05']);
    expect(await booked('2026-06')).toEqual([]);
    // Closed, the months say the same.
    await own.apply({ command: 'close-period', month: '2026-03' });
    expect(await booked('2026-04')).toEqual(['2026-04-30 INV-000002 2026-04']);
  } finally {
    await own.close();
  }
});
