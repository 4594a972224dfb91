import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, folder, startCli } from '../support/cli.js';
import { subscription } from '../support/commands.js';
import { ADMIN, testLedger, type TestLedger } from '../support/ledger.js';
import { deployment, TENANT } from '../support/backfill.js';
import { brokenRules } from '../support/focus-rules.js';

type Row = Record<string, string>;

const PLAN = {
  command: 'publish-plan',
  planId: 'studio',
  name: 'Studio',
  currency: 'USD',
  baseFee: '50.00',
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items: [{ billingKind: 'requests', included: '10', price: { model: 'unit', unitAmount: '0.10' } }],
};
const MAY = '2026-05-01T00:00:00Z';
const observed = (day: string, quantity: string): object => ({
  command: 'observe-usage',
  deploymentId: 'site',
  observations: [
    {
      resourceId: 'api',
      billingKind: 'requests',
      period: { start: `2026-04-${day}T00:00:00Z`, end: `2026-04-${day}T12:00:00Z` },
      granularity: 'event',
      quantity,
      attributes: { note: 'a "quoted", text' },
    },
  ],
});
const cost = (lineKey: string, amount: string, more: object = {}): object => ({
  lineKey,
  kind: 'droplet',
  chargePeriod: { start: '2026-04-01T00:00:00Z', end: MAY },
  amount,
  currency: 'USD',
  category: 'usage',
  ...more,
});

async function billedIn(test: TestLedger, at: string): Promise<void> {
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 'acme', asOf: at });
  const { invoices } = (created as unknown as { result: { invoices: { invoiceId: string }[] } }).result;
  for (const { invoiceId } of invoices) await test.apply({ command: 'issue-invoice', invoiceId, at });
}

describe('export', () => {
  let test: TestLedger;
  let files: Awaited<ReturnType<typeof folder>>;
  beforeAll(async () => {
    [test, files] = await Promise.all([testLedger(), folder()]);
    const tax = { command: 'set-tax', tenantId: 'acme', name: 'VAT', ratePercent: '10', from: '2026-01-01T00:00:00Z' };
    await test.apply(TENANT, tax, deployment('site'), PLAN, subscription('s', 'site', 'studio'));
    await test.apply(observed('10', '110'), {
      command: 'record-cost',
      provider: 'do',
      invoiceRef: 'R1',
      lines: [
        cost('1', '30.53', { resourceId: 'vm-1' }),
        cost('2', '1.00', { category: 'tax' }),
        cost('3', '-2', { class: 'correction' }),
      ],
    });
    // In March: of each category one, and a resource that has a name of its own and one that nobody has seen.
    const march = { chargePeriod: { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' } };
    await test.apply(
      {
        command: 'observe-resource',
        provider: 'do',
        providerId: 'vm-2',
        kind: 'droplet',
        name: 'web',
        status: 'active',
        seenAt: '2026-03-01T00:00:00Z',
      },
      {
        command: 'record-cost',
        provider: 'do',
        invoiceRef: 'R0',
        lines: [
          cost('1', '5.00', { ...march, resourceId: 'vm-2', kind: 'hours', tenantId: 'acme' }),
          cost('2', '7.00', { ...march, category: 'purchase', effectiveAmount: '0.00', resourceId: 'gone' }),
          cost('3', '-3.00', { ...march, category: 'credit', effectiveAmount: '-1.00' }),
          cost('4', '0.10', { ...march, category: 'adjustment' }),
        ],
      },
    );
    await billed('2026-05-01T00:00:00Z');
    // Learnt in June: it corrects April, on the invoice of June.
    await test.apply(observed('11', '5'));
    await billed('2026-06-01T00:00:00Z');
  });
  afterAll(async () => {
    await Promise.all([test.close(), files.remove()]);
  });

  it('to a reader that stops early is no failure', async () => {
    const child = startCli(['export', 'invoices'], { DATABASE_URL: test.url });
    if (child.stdout === null || child.stderr === null) throw new Error('the process has no pipes');
    child.stdout.destroy();
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    expect(await Promise.all([exited, text(child.stderr)])).toEqual([0, '']);
  });
  const billed = async (at: string): Promise<void> => billedIn(test, at);
  const exportedCsv = async (kind: string, ...args: string[]): Promise<Row[]> => {
    const { code, stdout, stderr } = await cli(['export', kind, ...args, '--data-dir', files.path], {
      env: { DATABASE_URL: test.url },
    });
    if (code !== 0) throw new Error(stderr);
    return parse(stdout, { columns: true });
  };
  const shown = (rows: readonly Row[], ...columns: string[]): unknown =>
    rows.map((row) => columns.map((column) => row[column])).sort();

  it('writes cost and revenue of a month as FOCUS 1.2 rows that follow its rules', async () => {
    const rows = await exportedCsv('focus', '--period', '2026-04', '--issuer', 'Acme Cloud');
    expect(rows.flatMap((row) => brokenRules(row))).toEqual([]);
    expect(
      shown(rows, 'x_Side', 'ChargeCategory', 'ChargeClass', 'ServiceName', 'BilledCost', 'InvoiceId', 'ProviderName'),
    ).toEqual([
      ['cost', 'Tax', '', 'droplet', '1.00', 'R1', 'do'],
      ['cost', 'Usage', '', 'droplet', '30.53', 'R1', 'do'],
      ['cost', 'Usage', 'Correction', 'droplet', '-2.00', 'R1', 'do'],
      // April's fee 50.00, (110 − 10) × 0.10 = 10.00, and 10 % on each
      ['revenue', 'Purchase', '', 'base_fee', '50.00', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Tax', '', 'base_fee', '5.00', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Tax', '', 'requests', '1.00', 'INV-000001', 'Acme Cloud'],
      ['revenue', 'Usage', '', 'requests', '10.00', 'INV-000001', 'Acme Cloud'],
    ]);
  });

  it('names the resource and the tenant of a cost, and follows the rules of each category', async () => {
    const march = await exportedCsv('focus', '--period', '2026-03');
    expect(march.flatMap((row) => brokenRules(row))).toEqual([]);
    expect(
      shown(march, 'ChargeCategory', 'BilledCost', 'EffectiveCost', 'ResourceId', 'ResourceName', 'ResourceType'),
    ).toEqual([
      ['Adjustment', '0.10', '0.10', '', '', ''],
      // A credit is its own effect: what it was amortised to is not told.
      ['Credit', '-3.00', '-3.00', '', '', ''],
      ['Purchase', '7.00', '0.00', 'gone', '', 'droplet'],
      ['Usage', '5.00', '5.00', 'vm-2', 'web', 'droplet'],
    ]);
    expect(
      shown(
        march.filter(({ SubAccountId }) => SubAccountId !== ''),
        'ResourceId',
        'SubAccountId',
        'SubAccountName',
        'BillingAccountName',
      ),
    ).toEqual([['vm-2', 'acme', 'Acme', 'do']]);
  });

  it('has one SKU per SKU price, and one category per service', async () => {
    const rows = (
      await Promise.all(
        ['2026-03', '2026-04', '2026-05', '2026-06'].map((month) => exportedCsv('focus', '--period', month)),
      )
    ).flat();
    // SkuPriceId-C-008-M, ServiceName-C-005-C
    for (const [of, one] of [
      ['SkuPriceId', 'SkuId'],
      ['ServiceName', 'ServiceCategory'],
    ] as const) {
      const known = Map.groupBy(rows, (row) => row[of] ?? '');
      expect([...known.values()].map((group) => new Set(group.map((row) => row[one])).size)).toEqual(
        [...known].map(() => 1),
      );
    }
  });

  it('reports the broken rule of an invalid row', () => {
    expect(brokenRules({ BilledCost: '1,00' })).toEqual(
      expect.arrayContaining([
        'CostAndUsage-D-005-M: BillingAccountName is present',
        'BilledCost-C-002-M: BilledCost is a plain number',
        'ListCost-C-003-M: ListCost is not null',
      ]),
    );
  });

  it('puts a correction into the billing period of its invoice, with the charge period that it corrects', async () => {
    const rows = await exportedCsv('focus', '--period', '2026-06');
    expect(rows.flatMap((row) => brokenRules(row))).toEqual([]);
    const corrections = rows.filter(({ ChargeClass }) => ChargeClass === 'Correction');
    expect(
      shown(corrections, 'ChargeCategory', 'ChargePeriodStart', 'BillingPeriodStart', 'BilledCost', 'InvoiceId'),
    ).toEqual([
      // (115 − 10) × 0.10 = 10.50, for 10.00 that is taken back
      ['Tax', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '-1.00', 'INV-000002'],
      ['Tax', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '1.05', 'INV-000002'],
      ['Usage', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '-10.00', 'INV-000002'],
      ['Usage', '2026-04-01T00:00:00Z', '2026-06-01T00:00:00Z', '10.50', 'INV-000002'],
    ]);
  });

  it('adds up, over all months, to the payable amount of each invoice', async () => {
    const rows = (
      await Promise.all(['2026-04', '2026-05', '2026-06'].map((month) => exportedCsv('focus', '--period', month)))
    ).flat();
    const cents = (invoice: string): number =>
      rows
        .filter(({ InvoiceId }) => InvoiceId === invoice)
        .reduce((sum, { BilledCost = '' }) => sum + Math.round(Number(BilledCost) * 100), 0);
    const { items } = await test.ask<{ items: { number: string; total: string }[] }>('invoices');
    expect(items.map(({ number, total }) => [number, total])).toEqual(
      items.map(({ number }) => [number, (cents(number) / 100).toFixed(2)]),
    );
    // Two fees of 50.00 and 10.00 with 10 %; one fee and 0.50 with 10 %
    expect(items.map(({ total }) => total).sort()).toEqual(['121.00', '55.55']);
  });

  it('writes usage, lines, invoices and margin as CSV', async () => {
    expect(
      shown(
        await exportedCsv('usage', '--period', '2026-04'),
        'deploymentId',
        'billingKind',
        'period.start',
        'quantity',
        'attributes',
      ),
    ).toEqual([
      ['site', 'requests', '2026-04-10T00:00:00Z', '110', '{"note":"a \\"quoted\\", text"}'],
      ['site', 'requests', '2026-04-11T00:00:00Z', '5', '{"note":"a \\"quoted\\", text"}'],
    ]);
    expect(await exportedCsv('usage', '--period', '2026-03')).toEqual([]);
    expect(shown(await exportedCsv('invoices'), 'number', 'status', 'tenantId', 'total')).toEqual([
      ['INV-000001', 'issued', 'acme', '121.00'],
      ['INV-000002', 'issued', 'acme', '55.55'],
    ]);
    expect(
      shown(
        (await exportedCsv('lines', '--period', '2026-04')).filter(({ status }) => status === 'valid'),
        'billingKind',
        'tenantId',
        'net',
      ),
    ).toEqual([
      ['base_fee', 'acme', '50.00'],
      ['requests', 'acme', '10.50'],
    ]);
    expect(
      shown(
        await exportedCsv('margin', '--period', '2026-04'),
        'view',
        'tenantId',
        'kind',
        'revenue',
        'cogs',
        'margin',
      ),
    ).toEqual([
      ['cost by kind', '', 'droplet', '', '28.53', ''],
      ['deployment', 'acme', '', '60.50', '0.00', '60.50'],
      ['overall', '', '', '60.50', '28.53', '31.97'],
      ['revenue by kind', '', 'base_fee', '50.00', '', ''],
      ['revenue by kind', '', 'requests', '10.50', '', ''],
      ['tenant', 'acme', '', '60.50', '0.00', '60.50'],
      ['unattributed', '', '', '', '28.53', ''],
    ]);
  });

  it('writes JSON lines, also to a file', async () => {
    const file = join(files.path, 'usage.jsonl');
    const { code, stdout, stderr } = await cli(
      ['export', 'usage', '--format', 'jsonl', '--out', file, '--data-dir', files.path],
      { env: { DATABASE_URL: test.url } },
    );
    expect([code, stdout, stderr]).toEqual([0, '', '2 rows\n']);
    const lines = (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([
      { deploymentId: 'site', quantity: '110', period: { start: '2026-04-10T00:00:00Z' } },
      { quantity: '5' },
    ]);
  });

  it('refuses an unknown kind, an invalid month, and roles that may not see cost', async () => {
    expect(await cli(['export', 'everything'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('known: focus, journal, usage, lines, invoices, margin') as unknown,
    });
    const { ledger } = test;
    await expect(ledger.export('focus', {}, ADMIN)).rejects.toThrow(
      'export focus needs a month. Give --period, such as 2026-04.',
    );
    await expect(ledger.export('focus', { period: 'April' }, ADMIN)).rejects.toThrow(/period.*is not a month or date/);
    await expect(ledger.export('margin', { period: '2026-04' }, { ...ADMIN, role: 'operator' })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});

describe('export of a discounted charge', () => {
  it('shows the tax on list and contracted cost next to the billed tax', async () => {
    const test = await testLedger();
    try {
      await test.apply(
        TENANT,
        { command: 'set-tax', tenantId: 'acme', name: 'VAT', ratePercent: '10', from: '2026-01-01T00:00:00Z' },
        deployment('site'),
        {
          ...PLAN,
          baseFee: '0',
          items: [
            { billingKind: 'requests', price: { model: 'unit', unitAmount: '0.10' }, discounts: { percentage: '50' } },
          ],
        },
        subscription('s', 'site', 'studio'),
        observed('10', '101'),
      );
      await billedIn(test, MAY);
      const rows: Row[] = [];
      for await (const row of (await test.ledger.export('focus', { period: '2026-04' }, ADMIN)).rows)
        rows.push(row as Row);
      expect(
        rows.map(({ ChargeCategory, ListCost, ContractedCost, BilledCost }) => [
          ChargeCategory,
          ListCost,
          ContractedCost,
          BilledCost,
        ]),
      ).toEqual([
        // 101 × 0.10, and half of it; 10 % of 10.10 and of 5.05
        ['Usage', '10.10', '5.05', '5.05'],
        ['Tax', '1.01', '0.51', '0.51'],
      ]);
    } finally {
      await test.close();
    }
  });
});
