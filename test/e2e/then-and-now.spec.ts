import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Audit } from '#audit/audit';
import type { Differences } from '#audit/diff/index';
import { createPool } from '#postgres/pool';
import { history } from '../support/history.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// What was known then, whole and as SQL; and what changed since, with who changed it and why.

let test: TestLedger;
let audit: Audit;
const query = async <Row>(sql: string): Promise<Row[]> => {
  const pool = createPool(test.url);
  try {
    return (await pool.query(sql)).rows as Row[];
  } finally {
    await pool.end();
  }
};

beforeAll(async () => {
  test = await testLedger();
  audit = test.app.get(Audit);
  await history(test);
});
afterAll(async () => test.close());

const positionOf = async (type: string): Promise<number> => {
  const { items } = await test.ask<{ items: { position: number }[] }>('events', { type, limit: '1' });
  return items[0]?.position ?? 0;
};

describe('replay', () => {
  it('equals the live read models as of then, at any position', async () => {
    const head = await test.ledger.catchUp();
    for (const position of [1, Math.floor(head / 3), Math.floor((2 * head) / 3), head]) {
      const replayed = await audit.replay({ asOf: String(position) }, ADMIN);
      expect([replayed.schema, replayed.position, replayed.differing]).toEqual([`replay_${position}`, position, []]);
    }
    const [rates] = await query<{ n: number }>('select count(*)::int as n from replay_1.tenants');
    expect(rates).toEqual({ n: 1 });
  });

  it('uses the named schema, replaces an earlier replay in it, and refuses any other schema', async () => {
    await audit.replay({ asOf: '5', into: 'april' }, ADMIN);
    expect(await audit.replay({ asOf: '9', into: 'april' }, ADMIN)).toMatchObject({
      schema: 'april',
      position: 9,
      differing: [],
    });
    await query('create schema mine');
    await expect(audit.replay({ asOf: '9', into: 'mine' }, ADMIN)).rejects.toMatchObject({ code: 'schema_exists' });
    for (const into of ['ledgerline', 'pg_catalog', 'public', 'a; drop'])
      await expect(audit.replay({ asOf: '9', into }, ADMIN)).rejects.toMatchObject({ code: 'invalid_schema' });
    await expect(audit.replay({ asOf: '900000' }, ADMIN)).rejects.toMatchObject({ code: 'position_ahead' });
  });

  it('finds read models that differ from the log', async () => {
    await query('update ledgerline.rates set unit_price = unit_price + 1 where position_to is not null');
    expect(await audit.replay({ asOf: String(await test.ledger.catchUp()) }, ADMIN)).toMatchObject({
      differing: ['rates'],
    });
    await query('update ledgerline.rates set unit_price = unit_price - 1 where position_to is not null');
  });

  it('keeps only the rows of one tenant if requested', async () => {
    await test.apply({
      ...{ command: 'record-provider-total', provider: 'aws', invoiceRef: '1', currency: 'USD' },
      ...{ period: '2026-04', total: '9.00', tax: '0.00' },
    });
    await test.apply({
      ...{ command: 'set-cost-sharing', policyId: 'rest', costs: { unattributed: true }, method: 'weights' },
      ...{ weights: [{ tenantId: 't1', percent: '100' }], effectiveFrom: '2026-04-01T00:00:00Z' },
    });
    await test.apply({
      ...{ command: 'set-kind-mapping', provider: 'p', kind: 'vm', billingKinds: ['cpu'] },
      effectiveFrom: '2026-04-01T00:00:00Z',
    });
    await audit.replay({ asOf: String(await test.ledger.catchUp()), into: 'only_t2', tenantId: 't2' }, ADMIN);
    expect(
      await query(
        'select distinct tenant_id from only_t2.tenants union select distinct tenant_id from only_t2.invoices',
      ),
    ).toEqual([{ tenant_id: 't2' }]);
    for (const table of [
      ...['command_keys', 'cost_months', 'cost_sharing', 'kind_mappings', 'provider_totals'],
      ...['margin_alerts', 'raised_alerts', 'cost_rates'],
    ])
      expect(await query(`select count(*)::int as n from only_t2.${table}`)).toEqual([{ n: 0 }]);
    await expect(audit.replay({ asOf: '9', tenantId: 'nobody' }, ADMIN)).rejects.toMatchObject({
      code: 'unknown_tenant',
    });
  });
});

describe('resources', () => {
  const seen = (seenAt: string, status: string, deploymentId: string) => ({
    command: 'observe-resource',
    provider: 'hetzner',
    providerId: 'h1',
    kind: 'droplet',
    name: 'h1',
    status,
    seenAt,
    deploymentId,
    tenantId: 't1',
  });
  const held = async (params: object) =>
    (await test.ask<{ items: Record<string, string>[] }>('resources', { provider: 'hetzner', ...params })).items.map(
      ({ status, deploymentId, lastSeenAt }) => `${status} in ${deploymentId}, last seen ${lastSeenAt?.slice(5, 10)}`,
    );

  it('are answered on both axes of time: their owner at an instant, as known at a moment', async () => {
    await test.apply(
      { command: 'register-deployment', deploymentId: 'h-a', tenantId: 't1', name: 'A', from: '2026-03-01T00:00:00Z' },
      { command: 'register-deployment', deploymentId: 'h-b', tenantId: 't1', name: 'B', from: '2026-03-01T00:00:00Z' },
    );
    await test.apply(seen('2026-03-01T00:00:00Z', 'active', 'h-a'), seen('2026-03-20T00:00:00Z', 'off', 'h-b'));
    const before = String(await test.ledger.catchUp());
    await test.apply({
      command: 'correct-resource',
      provider: 'hetzner',
      providerId: 'h1',
      from: '2026-03-10T00:00:00Z',
      until: '2026-03-20T00:00:00Z',
      deploymentId: 'h-b',
      reason: 'moved earlier',
    });
    const at = (day: string) => ({ at: `2026-03-${day}T00:00:00Z` });
    expect(await held({})).toEqual(['off in h-b, last seen 03-20']);
    expect(await held(at('05'))).toEqual(['active in h-a, last seen 03-20']);
    expect(await held(at('15'))).toEqual(['active in h-b, last seen 03-20']);
    expect(await held({ ...at('15'), knownAt: before })).toEqual(['active in h-a, last seen 03-20']);
    expect(await held({ ...at('15'), deploymentId: 'h-a' })).toEqual([]);
    // Before it was first seen there was none; once it is removed there is none any more.
    expect(await held({ at: '2026-02-28T23:59:59Z' })).toEqual([]);
    await test.apply({ command: 'remove-resource', provider: 'hetzner', providerId: 'h1', at: '2026-03-25T00:00:00Z' });
    expect([await held(at('24')), await held(at('25'))]).toEqual([['off in h-b, last seen 03-20'], []]);
  });
});

describe('the replay of one tenant', () => {
  const T = (date: string) => `${date}T00:00:00Z`;
  const seen = (provider: string, tenantId: string) => ({
    command: 'observe-resource',
    provider,
    providerId: 'same',
    kind: 'floppy',
    name: 'n',
    status: 'active',
    seenAt: T('2026-04-21'),
    tenantId,
  });
  const cost = (provider: string) => ({
    command: 'record-cost',
    provider,
    invoiceRef: 'apr',
    lines: [
      {
        lineKey: '1',
        resourceId: 'same',
        kind: 'floppy',
        chargePeriod: { start: T('2026-04-21'), end: T('2026-04-22') },
        amount: '1',
        currency: 'USD',
        category: 'usage',
      },
    ],
  });
  let position: string;
  beforeAll(async () => {
    // d1 was t1's, and is t2's from 20 April on.
    const observations = [
      {
        resourceId: 'r',
        billingKind: 'requests',
        period: { start: T('2026-04-22'), end: T('2026-04-23') },
        granularity: 'day',
        quantity: '5',
      },
    ];
    await test.apply(
      { command: 'observe-usage', deploymentId: 'd1', observations },
      seen('x', 't2'),
      seen('y', 't1'),
      cost('x'),
      cost('y'),
      { command: 'run-metering', date: '2026-04-21' },
    );
    position = String(await test.ledger.catchUp());
  });

  it('has the usage of a deployment while it belonged to the tenant', async () => {
    await audit.replay({ asOf: position, into: 'of_t2', tenantId: 't2' }, ADMIN);
    await audit.replay({ asOf: position, into: 'of_t1', tenantId: 't1' }, ADMIN);
    const usage = async (schema: string) =>
      query<{ n: number; first: string }>(
        `select count(*)::int as n, min(period_start) as first from ${schema}.usage_records where position_to is null`,
      );
    // Two droplets of the 21st, metered, and the requests of the 22nd.
    expect(await usage('of_t2')).toEqual([{ n: 3, first: T('2026-04-21') }]);
    const [whole, t1] = [await usage('ledgerline'), await usage('of_t1')];
    expect([t1[0]?.n, t1[0]?.first]).toEqual([(whole[0]?.n ?? 0) - 3, T('2026-04-02')]);
  });

  it('has the resources and costs of the tenant, not those with the same id at another provider', async () => {
    const of = async (schema: string) => [
      await query(`select provider, tenant_id from ${schema}.resources where provider_id = 'same'`),
      await query(`select provider from ${schema}.cost_lines where resource_id = 'same'`),
      await query(
        `select s ->> 'provider' as provider from ${schema}.metered_days, jsonb_array_elements(skipped) s ` +
          `where s ->> 'providerId' = 'same'`,
      ),
    ];
    expect(await of('of_t2')).toEqual([[{ provider: 'x', tenant_id: 't2' }], [{ provider: 'x' }], [{ provider: 'x' }]]);
    expect(await of('of_t1')).toEqual([[{ provider: 'y', tenant_id: 't1' }], [{ provider: 'y' }], [{ provider: 'y' }]]);
  });

  it('has consistent sums: its invoices add up to its revenue', async () => {
    for (const schema of ['of_t1', 'of_t2']) {
      const [sums] = await query<{ billed: string; revenue: string }>(
        `SELECT (SELECT coalesce(sum((r.row ->> 'net')::numeric), 0) FROM ${schema}.invoice_rows r
             JOIN ${schema}.invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt
               AND i.position_to IS NULL AND i.status <> 'void')
           + (SELECT coalesce(sum((r.row ->> 'net')::numeric), 0) FROM ${schema}.invoice_rows r
             JOIN ${schema}.credit_notes c ON c.credit_note_id = r.invoice_id) AS billed,
           (SELECT coalesce(sum(amount), 0) FROM ${schema}.revenue) AS revenue`,
      );
      expect(sums?.billed).toBe(sums?.revenue);
    }
  });
});

describe('diff', () => {
  const diff = async (from: number, to?: number): Promise<Differences> =>
    test.ask('diff', { from: String(from), ...(to === undefined ? {} : { to: String(to) }) });
  const why = ({ events }: { events: readonly { type: string; actor: string; reason: string | null }[] }) =>
    events.map(({ type, actor, reason }) => [type, actor, reason]);

  it('has a corrected rate, and the line that it changes, with actor and reason', async () => {
    const corrected = await positionOf('RateCorrected');
    const { rates, usage, lines, invoices, margin } = await diff(corrected - 1, corrected);
    // 0.3 until 1 April, 0.03 from then on.
    expect(rates.map(({ effectiveFrom, before, after }) => [effectiveFrom, before, after])).toMatchObject([
      [
        '2026-01-01T00:00:00Z',
        { unitPrice: '0.3', effectiveUntil: null },
        { unitPrice: '0.3', effectiveUntil: '2026-04-01T00:00:00Z' },
      ],
      ['2026-04-01T00:00:00Z', null, { unitPrice: '0.03', effectiveUntil: null }],
    ]);
    const because = [['RateCorrected', 'test', 'ten times too high']];
    expect(rates.map(why)).toEqual([because, because]);
    // The reading that names a provider is the one that named none: 40 × 0.3 = 12.00 and 40 × 0.03 = 1.20, less the
    // coupon's 10 %
    expect(lines.map(({ billingKind, before, after, difference }) => [billingKind, before, after, difference])).toEqual(
      [['vm', '10.80', '1.08', '-9.72']],
    );
    expect(lines.map(why)).toEqual([because]);
    expect([usage, invoices, margin]).toEqual([[], [], []]);
  });

  it('has usage that was corrected, by month', async () => {
    const corrected = await positionOf('UsageCorrected');
    const { usage } = await diff(corrected - 1, corrected);
    expect(usage).toMatchObject([
      {
        deploymentId: 'd1',
        billingKind: 'droplet_hours',
        month: '2026-04',
        readings: 1,
        events: [{ type: 'UsageCorrected', reason: 'it was not ours yet' }],
      },
    ]);
    expect(Number(usage[0]?.before) - Number(usage[0]?.after)).toBe(24);
  });

  it('has an invoice from draft to issued, and its effect on the margin', async () => {
    const issued = await positionOf('InvoiceIssued');
    const { invoices, margin } = await diff(issued - 1, issued);
    expect(invoices).toMatchObject([
      {
        number: 'INV-000001',
        before: { status: 'draft', total: null },
        after: { status: 'issued' },
        events: [{ type: 'InvoiceIssued', actor: 'test' }],
      },
    ]);
    const [overall, tenant] = margin ?? [];
    expect([
      overall?.tenantId,
      tenant?.tenantId,
      overall?.before.revenue,
      overall?.after.revenue === tenant?.after.revenue,
    ]).toEqual([null, 't1', '0.00', true]);
    expect(why(overall ?? { events: [] })).toEqual([['InvoiceIssued', 'test', null]]);
  });

  it('is empty between a position and itself, and complete from the start', async () => {
    const head = await test.ledger.catchUp();
    expect(await diff(head)).toEqual({
      from: head,
      to: head,
      rates: [],
      usage: [],
      lines: [],
      invoices: [],
      margin: [],
    });
    const all = await diff(0);
    expect(all.invoices.every(({ before, after }) => before === null && after !== null)).toBe(true);
    for (const { eventCount, events } of [...all.rates, ...all.usage, ...all.invoices, ...(all.margin ?? [])])
      expect([eventCount >= events.length, events.length > 0]).toEqual([true, true]);
    await expect(diff(head, 1)).rejects.toMatchObject({ code: 'invalid_span' });
    expect(await test.ledger.ask('diff', { from: '0' }, { ...ADMIN, role: 'auditor' })).toMatchObject({ margin: null });
  });
});
