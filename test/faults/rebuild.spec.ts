import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { subscription, tenant } from '../support/commands.js';
import { expectReplayToBeLive } from '../support/replay.js';
import { LOGS, type TestLedger } from '../support/ledger.js';

const T = (date: string) => instant(`${date}T00:00:00Z`);
const KEY = { resourceType: 'cpu', resourceFamily: 'standard', location: 'de' };
const reading = (day: number, quantity: string) => {
  const start = T(`2026-04-${String(day).padStart(2, '0')}`);
  const period = { start, end: T(`2026-04-${String(day + 1).padStart(2, '0')}`) };
  return { resourceId: 'r1', billingKind: 'cpu', period, granularity: 'day', quantity, rateKey: KEY };
};

/** A tenant with usage, a plan with a rate card, and an issued invoice over it: 10 days × 24 × 0.01 = 2.40. */
async function history(test: TestLedger): Promise<void> {
  await test.apply(
    tenant('t1'),
    { command: 'register-deployment', deploymentId: 'd1', tenantId: 't1', name: 'D1', from: T('2026-01-01') },
    { command: 'set-rate', ...KEY, unitPrice: '0.01', basis: 'amount', effectiveFrom: T('2026-01-01') },
    {
      command: 'publish-plan',
      planId: 'p',
      name: 'P',
      currency: 'USD',
      baseFee: '0',
      paymentTerm: 'in_arrears',
      effectiveFrom: T('2026-01-01'),
      items: [{ billingKind: 'cpu', price: { model: 'rate_card' } }],
    },
    subscription('s1', 'd1', 'p'),
    {
      command: 'observe-usage',
      deploymentId: 'd1',
      observations: Array.from({ length: 10 }, (_, index) => reading(index + 1, '24')),
    },
  );
  const [created] = await test.apply({ command: 'create-invoice', tenantId: 't1', asOf: T('2026-05-01') });
  const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
  await test.apply(...invoices.map(({ invoiceId }) => ({ command: 'issue-invoice', invoiceId, at: T('2026-05-01') })));
}

describe.each(LOGS)('a rebuild, with %s as the log', (_log, open) => {
  let test: TestLedger;
  beforeAll(async () => {
    test = await open();
    await history(test);
  });
  afterAll(async () => test.close());

  const sql = async <Row extends object>(text: string): Promise<Row[]> => (await test.core.pool.query<Row>(text)).rows;

  it('finds no difference, replaces the live read models, and keeps the old ones', async () => {
    const report = await test.ledger.rebuilder.rebuild();
    expect(report).toMatchObject({ outcome: 'swapped', resumedFrom: 0, money: [] });
    expect(report.tables.find(({ table }) => table === 'usage_records')).toMatchObject({
      rows: 10,
      onlyLive: 0,
      onlyShadow: 0,
      different: 0,
    });
    expect(await sql('SELECT nspname FROM pg_namespace WHERE nspname LIKE $$ledgerline%$$ ORDER BY 1')).toEqual(
      [
        'ledgerline',
        'ledgerline_audit',
        'ledgerline_log',
        'ledgerline_operations',
        'ledgerline_previous',
        'ledgerline_private',
        'ledgerline_webhooks',
      ].map((nspname) => ({ nspname })),
    );
    // What is recorded from now on is projected into the new ones.
    await test.apply({ command: 'observe-usage', deploymentId: 'd1', observations: [reading(11, '24')] });
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '264' });
    await expectReplayToBeLive(test.url);
  });

  it('has the same indexes and constraints as the live ones, whenever it makes them', async () => {
    // Those of partitions are named by us, or by Postgres.
    const indexesOf = async (schema: string) =>
      sql<{ on: string; is: string }>(
        `SELECT tablename AS on, regexp_replace(replace(indexdef, '${schema}.', ''), 'INDEX \\S+ ON', 'INDEX ` +
          `ON') AS is FROM pg_indexes WHERE schemaname = '${schema}' ORDER BY 1, 2`,
      );
    const made = await indexesOf('ledgerline_previous');
    expect(made.length).toBeGreaterThan(30);
    expect(await indexesOf('ledgerline')).toEqual(made);
  });

  it('restores the kept ones after they caught up, and again', async () => {
    const { position } = await test.ledger.rebuilder.rollback();
    expect(position).toBe(await test.core.log.head());
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '264' });
    await test.ledger.rebuilder.rollback();
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '264' });
    await expectReplayToBeLive(test.url);
  });

  it('reports differences in rows and money, and changes nothing until they are accepted', async () => {
    await sql(`UPDATE ledgerline.revenue SET amount = 2.5 WHERE amount = 2.4`);
    await sql(`DELETE FROM ledgerline.usage_records WHERE period_start = '2026-04-03'`);
    const refused = await test.ledger.rebuilder.rebuild();
    expect(refused.outcome).toBe('refused');
    expect(
      refused.tables.filter(({ onlyLive, onlyShadow, different }) => onlyLive + onlyShadow + different > 0),
    ).toMatchObject([
      {
        table: 'usage_records',
        rows: 11,
        onlyLive: 0,
        onlyShadow: 1,
        different: 0,
        examples: [{ live: null, shadow: { quantity: '24', period_start: '2026-04-03T00:00:00+00:00' } }],
      },
      {
        table: 'revenue',
        rows: 1,
        onlyLive: 0,
        onlyShadow: 0,
        different: 1,
        examples: [{ live: { amount: '2.5' }, shadow: { amount: '2.4' } }],
      },
    ]);
    expect(refused.money).toEqual([
      {
        of: 'revenue',
        tenantId: 't1',
        month: '2026-04',
        currency: 'USD',
        live: '2.5',
        shadow: '2.4',
        difference: '-0.1',
      },
    ]);
    expect(await sql('SELECT amount FROM ledgerline.revenue')).toEqual([{ amount: '2.5' }]);
    // The shadow is kept: no event is applied again.
    const accepted = await test.ledger.rebuilder.rebuild({ accept: true });
    expect(accepted).toMatchObject({ outcome: 'swapped', resumedFrom: refused.position });
    await expectReplayToBeLive(test.url);
  });

  it('rebuilds only some projections, and rolls these back', async () => {
    await sql(`UPDATE ledgerline.revenue SET amount = 2.5 WHERE amount = 2.4`);
    const report = await test.ledger.rebuilder.rebuild({ only: ['margins', 'usage-records'], accept: true });
    expect(report).toMatchObject({ outcome: 'swapped', projections: ['usage-records', 'margins'] });
    await expectReplayToBeLive(test.url);
    await test.apply({ command: 'observe-usage', deploymentId: 'd1', observations: [reading(12, '24')] });
    await test.ledger.catchUp();
    await test.ledger.rebuilder.rollback();
    expect(await sql('SELECT amount FROM ledgerline.revenue')).toEqual([{ amount: '2.5' }]);
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '288' });
    await test.ledger.rebuilder.rollback();
    await expectReplayToBeLive(test.url);
  });

  it('that is interrupted continues where it stopped, while another one starts over', async () => {
    const stopping = new AbortController();
    const onProgress = (): void => {
      stopping.abort();
    };
    const interrupted = await test.ledger.rebuilder.rebuild({ signal: stopping.signal, onProgress });
    expect(interrupted.outcome).toBe('interrupted');
    expect(await test.ledger.rebuilder.rebuild({ preview: true })).toMatchObject({
      outcome: 'previewed',
      resumedFrom: interrupted.position,
    });
    expect(await test.ledger.rebuilder.rebuild({ only: ['margins'], preview: true })).toMatchObject({
      outcome: 'previewed',
      resumedFrom: 0,
    });
  });

  it('continues and restores what an earlier program left, whose checkpoints lack columns', async () => {
    await test.ledger.rebuilder.rebuild();
    const { position } = await test.ledger.rebuilder.rebuild({ preview: true });
    for (const schema of ['ledgerline_previous', 'ledgerline_shadow'])
      await sql(`ALTER TABLE ${schema}.checkpoint DROP COLUMN event_hash, DROP COLUMN log, DROP COLUMN generation`);
    expect(await test.ledger.rebuilder.status()).toMatchObject({
      shadow: { position, eventHash: null, log: null, only: null },
      previous: { position, eventHash: null, log: null, only: null },
    });
    expect(await test.ask('projections')).toMatchObject({ state: 'current' });
    await test.apply({ command: 'observe-usage', deploymentId: 'd1', observations: [reading(13, '24')] });
    // 12 days × 24 = 288 before it.
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '312' });
    await test.ledger.rebuilder.rollback();
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '312' });
    expect(await test.ledger.rebuilder.rebuild()).toMatchObject({ outcome: 'swapped', resumedFrom: position });
    expect(await test.ask('usage', { deploymentId: 'd1' })).toEqual({ cpu: '312' });
    await expectReplayToBeLive(test.url);
  });

  it('is refused for unknown names, and while another is running', async () => {
    await expect(test.ledger.rebuilder.rebuild({ only: ['nothing'] })).rejects.toThrow(
      'Unknown projection nothing. Projections: tenants, payers, deployments',
    );
    const both = await Promise.allSettled([
      test.ledger.rebuilder.rebuild({ preview: true }),
      test.ledger.rebuilder.rebuild({ preview: true }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'rebuild_under_way' } });
  });
});
