import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Audit } from '#audit/audit';
import type { Finding } from '#audit/check/finding';
import { verify } from '#operations/evidence';
import { createPool } from '#postgres/pool';
import { history } from '../support/history.js';
import { ADMIN, type TestLedger, testLedger } from '../support/ledger.js';

// Read models may agree with each other and still not be what was recorded: `check` replays the log, and names the rows
// that differ.

let test: TestLedger;
let audit: Audit;
const T = (date: string) => `${date}T00:00:00Z`;

async function run(...statements: string[]): Promise<number> {
  const pool = createPool(test.url, { schema: 'ledgerline' });
  try {
    let changed = 0;
    for (const statement of statements) changed += (await pool.query(statement)).rowCount ?? 0;
    return changed;
  } finally {
    await pool.end();
  }
}

const TABLES = [
  'usage_records',
  'revenue',
  'cost_lines',
  'rates',
  'tenant_taxes',
  'plan_versions',
  'resources',
  'deployment_assignments',
  'restatements',
  'command_keys',
  'usage_waivers',
];

beforeAll(async () => {
  test = await testLedger({ statementTimeoutMs: 600_000 });
  audit = test.app.get(Audit);
  await history(test);
  await test.apply({
    command: 'observe-usage',
    deploymentId: 'd1',
    observations: [
      {
        resourceId: 'late',
        billingKind: 'requests',
        period: { start: T('2026-05-03'), end: T('2026-05-04') },
        granularity: 'day',
        quantity: '3',
      },
    ],
  });
  await test.ledger.catchUp();
  await run('CREATE SCHEMA kept', ...TABLES.map((table) => `CREATE TABLE kept.${table} AS SELECT * FROM ${table}`));
});
afterEach(async () => {
  await run(...TABLES.flatMap((table) => [`TRUNCATE ${table}`, `INSERT INTO ${table} SELECT * FROM kept.${table}`]));
});
afterAll(async () => test.close());

const differing = async (): Promise<readonly Finding[]> =>
  (await audit.check(ADMIN, { replays: true })).failures.filter(({ code }) => code === 'read_model_differs');

describe('check, against the log', () => {
  it('finds nothing wrong with splits, late usage, corrections, voids and costs, and cleans up', async () => {
    expect(await audit.check(ADMIN, { replays: true })).toMatchObject({ ok: true, failures: [] });
    expect(await run("SELECT FROM pg_namespace WHERE nspname = 'ledgerline_check'")).toBe(0);
  });

  // None of these breaks an invariant among the read models themselves.
  it.each([
    [
      'usage_records',
      'an unbilled reading of another quantity',
      "UPDATE usage_records SET quantity = 4 WHERE resource_id = 'late'",
    ],
    ['usage_records', 'an unbilled reading that is gone', "DELETE FROM usage_records WHERE resource_id = 'late'"],
    [
      'usage_records',
      'a reading that was never recorded',
      "INSERT INTO usage_records SELECT deployment_id, billing_kind, period_start, 'other', period_end, " +
        'granularity, provider, source_id, quantity, origin, corrected_by, superseded_by, resource_type, ' +
        'resource_family, location, attributes, sub_attribution, position_from, position_to FROM usage_records ' +
        "WHERE resource_id = 'late'",
    ],
    ['revenue', 'revenue in another month', "UPDATE revenue SET month = '2026-03' WHERE billing_kind = 'requests'"],
    ['revenue', 'revenue of another tenant', "UPDATE revenue SET tenant_id = 't2' WHERE billing_kind = 'requests'"],
    ['cost_lines', 'a cost of another amount', 'UPDATE cost_lines SET amount = amount + 1'],
    ['rates', 'a rate as it was believed once', 'UPDATE rates SET unit_price = 0.4 WHERE position_to IS NOT NULL'],
    ['tenant_taxes', 'another tax', 'UPDATE tenant_taxes SET rate_percent = 20'],
    [
      'resources',
      'a resource of another status',
      "UPDATE resources SET name = 'x' WHERE provider_id = 'a' AND position_to IS NULL",
    ],
    ['command_keys', 'a command that is not known any more', "DELETE FROM command_keys WHERE key LIKE '%t2%'"],
    ['usage_waivers', 'a waiver that is gone', 'DELETE FROM usage_waivers'],
  ])('finds in %s: %s', async (table, _what, fault) => {
    expect(await run(fault)).toBeGreaterThan(0);
    const found = await differing();
    expect(found.map(({ ids }) => ids['table'])).toEqual([table]);
    for (const { message, remedy } of found)
      expect([message.includes(table), remedy.includes('projections rebuild')]).toEqual([true, true]);
  });

  it('names the row and the difference', async () => {
    await run("UPDATE usage_records SET quantity = 4 WHERE resource_id = 'late'");
    const [found] = await differing();
    expect(found?.ids).toEqual({
      table: 'usage_records',
      rows: 1,
      examples: [
        {
          key: {
            deployment_id: 'd1',
            billing_kind: 'requests',
            period_start: '2026-05-03T00:00:00+00:00',
            resource_id: 'late',
            period_end: '2026-05-04T00:00:00+00:00',
            granularity: 'day',
            provider: '',
            source_id: '',
          },
          shown: { quantity: '4' },
          recorded: { quantity: '3' },
        },
      ],
    });
    expect(found?.message).toContain('late');
    expect(found?.message).toContain('quantity is 4, but 3 was recorded');
  });

  it('finds nothing wrong once its remedy is carried out', async () => {
    await run("UPDATE usage_records SET quantity = 4 WHERE resource_id = 'late'");
    const [found] = await differing();
    expect(found?.remedy).toContain('ledgerline projections rebuild --accept');
    const { outcome } = await test.ledger.rebuilder.rebuild({ accept: true });
    expect(outcome).toBe('swapped');
    expect(await audit.check(ADMIN, { replays: true })).toMatchObject({ ok: true, failures: [] });
  });
});

describe('the query verify', () => {
  it('ends with the request that asked for it', async () => {
    const gone = new AbortController();
    expect(await test.ledger.ask(verify, {}, ADMIN, gone.signal)).toMatchObject({ ok: true });
    const hungUp = new Error('hung up');
    gone.abort(hungUp);
    await expect(test.ledger.ask(verify, {}, ADMIN, gone.signal)).rejects.toBe(hungUp);
  });

  it('refuses a log that a server can’t hold in memory', async () => {
    const head = (by: number) => run(`UPDATE ledgerline_log.head SET position = position + ${by}`);
    await head(5_000_000);
    try {
      await expect(test.ledger.ask(verify, {}, ADMIN)).rejects.toMatchObject({
        code: 'log_too_large',
        message: expect.stringMatching(/a server verifies 5000000 at most. Run "ledgerline verify"\.$/),
      });
    } finally {
      await head(-5_000_000);
    }
  });

  it('and last-check take no earlier moment: their answers are as of now', async () => {
    for (const name of ['verify', 'last-check'])
      await expect(test.ledger.ask(name, { asOf: '1' }, ADMIN)).rejects.toMatchObject({ code: 'invalid_parameter' });
  });
});
