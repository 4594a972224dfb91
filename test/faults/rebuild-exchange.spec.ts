import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { swap } from '#read-model/swap';
import { deployment, tenant } from '../support/commands.js';
import { type TestLedger, testLedger } from '../support/ledger.js';
import { expectReplayToBeLive } from '../support/replay.js';

// A batch that waits for an exchange has made sure of its partitions, and resolved names, on tables that are not the
// live ones any more.

let test: TestLedger;
beforeAll(async () => {
  test = await testLedger();
});
afterAll(async () => test.close());

const observed = (day: string, until: string, quantity: string): object => ({
  command: 'observe-usage',
  deploymentId: 'd',
  observations: [
    {
      resourceId: 'r',
      billingKind: 'cpu',
      period: { start: `${day}T00:00:00Z`, end: `${until}T00:00:00Z` },
      granularity: 'day',
      quantity,
    },
  ],
});

/** For the table, whose name is then looked up again; not for a row of it. */
const isAnyoneWaiting = async (): Promise<boolean> =>
  (
    await test.core.pool.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND " +
        "wait_event = 'relation'",
    )
  ).rowCount !== 0;

describe('a batch that waits for an exchange of tables', () => {
  it.each([
    ['of some projections', ['usage-records'], '2026-05-02', '2026-05-03', '5'],
    ['of all', null, '2026-06-02', '2026-06-03', '12'],
  ])('%s goes into the new ones, in a month that neither had', async (_, only, day, until, total) => {
    const { rebuilder } = test.ledger;
    const { projector, pool } = test.core;
    if (only !== null) await test.apply(tenant('t'), deployment('d', 't'), observed('2026-04-02', '2026-04-03', '2'));
    await projector.catchUp();
    expect(await rebuilder.rebuild({ only, preview: true })).toMatchObject({ outcome: 'previewed' });
    const part = only === null ? null : projector.list().filter(({ name }) => only.includes(name));
    let projected: Promise<number> | undefined;
    const client = await pool.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${rebuilder.previous} CASCADE`);
    await swap(
      client,
      { live: 'ledgerline', next: rebuilder.shadow, previous: rebuilder.previous },
      part,
      async (at) => {
        await test.apply(observed(day, until, only === null ? '7' : '3'));
        projected = projector.catchUp();
        while (!(await isAnyoneWaiting()));
        return at;
      },
    );
    client.release();
    expect(await projected).toBe(await test.core.log.head());
    // 2 in April, 3 in May, then 7 in June.
    expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: total });
    await expectReplayToBeLive(test.url, `replayed_${only === null ? 'all' : 'some'}`);
  });
});
