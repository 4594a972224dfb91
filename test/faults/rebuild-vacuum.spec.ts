import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deployment, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';

// What Postgres vacuums by itself is locked for as long as that takes, and given up only for who has waited a second
// (deadlock_timeout).

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
  const period = { start: '2026-04-02T00:00:00Z', end: '2026-04-03T00:00:00Z' };
  await test.apply(tenant('t'), deployment('d', 't'), {
    command: 'observe-usage',
    deploymentId: 'd',
    observations: [{ resourceId: 'r', billingKind: 'cpu', period, granularity: 'day', quantity: '2' }],
  });
});
afterAll(async () => test.close());

/** Locks a table as vacuuming does, and gives way as it does. */
async function vacuuming(): Promise<{ givenWay: Promise<void> }> {
  const client = await test.core.pool.connect();
  await client.query('BEGIN; LOCK TABLE ledgerline.usage_records IN SHARE UPDATE EXCLUSIVE MODE');
  const isWaitedFor = async (): Promise<boolean> =>
    (
      await client.query(
        "SELECT FROM pg_locks WHERE NOT granted AND relation = 'ledgerline.usage_records'::regclass AND " +
          "clock_timestamp() - waitstart >= interval '1 s'",
      )
    ).rowCount !== 0;
  const givenWay = (async () => {
    while (!(await isWaitedFor()));
    await client.query('COMMIT');
    client.release();
  })();
  return { givenWay };
}

describe('a rebuild of tables that are being vacuumed', () => {
  it('waits until the vacuum ends', async () => {
    const { givenWay } = await vacuuming();
    expect(await test.ledger.rebuilder.rebuild({ only: ['usage-records'] })).toMatchObject({ outcome: 'swapped' });
    await givenWay;
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '2' });
  });
});
