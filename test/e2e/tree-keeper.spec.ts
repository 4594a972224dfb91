import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createPool } from '#postgres/pool';
import { tenant } from '../support/commands.js';
import { ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';
import { postgresProxy } from '../support/postgres-proxy.js';

// The projecting process updates the Merkle tree, and does not hash over a gap.

let test: TestLedger;
let pool: pg.Pool;
let stopping: AbortController;
let working: Promise<void>;

beforeEach(async () => {
  test = await testLedger();
  pool = createPool(test.url);
  stopping = new AbortController();
  working = test.ledger.project(stopping.signal);
  working.catch(() => undefined);
});
afterEach(async () => {
  stopping.abort();
  await working.catch(() => undefined);
  await pool.end();
  await test.close();
});

/** Waits until the tree has as many leaves, or the worker stops. */
async function untilKept(size: number): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ size: number }>('SELECT size FROM ledgerline_audit.tree');
    if (rows[0]?.size === size) return;
    await Promise.race([delay(20), working]);
  }
}

describe('the worker', () => {
  it('keeps the tree up to date with the log', async () => {
    await test.apply(tenant('a'), tenant('b'));
    await untilKept(2);
    await test.apply(tenant('c'));
    await untilKept(3);
  });

  it.each([
    ['53100', 'could not extend file "base/5/16384": No space left on device'],
    ['25006', 'cannot execute UPDATE in a read-only transaction'],
    ['40P01', 'deadlock detected'],
    ['57014', 'canceling statement due to user request'],
  ])('reports once that the tree can not be written (%s), waits, and goes on afterwards', async (code, message) => {
    stopping.abort();
    await working;
    const proxy = await postgresProxy(test.url);
    const behind = await ledgerOn(proxy.url);
    proxy.refuse({ statement: /ledgerline_audit\./, code, message });
    const [told, reported] = [Promise.withResolvers<undefined>(), Array<string>()];
    stopping = new AbortController();
    try {
      working = behind.ledger.project(stopping.signal, undefined, (error) => {
        reported.push(error.message);
        told.resolve(undefined);
      });
      await test.apply(tenant('a'));
      await Promise.race([told.promise, working]);
      expect(reported).toEqual([message]);
      proxy.refuse(null);
      await untilKept(1);
      expect(reported).toEqual([message]);
      stopping.abort();
      await working;
    } finally {
      await behind.close();
      await proxy.close();
    }
  });

  it('reports that the log lacks an event, waits, and goes on once it is restored', async () => {
    await test.apply(tenant('a'));
    await untilKept(1);
    // Without its table the tree is not updated, and the worker stops. Then an event is removed.
    await pool.query('ALTER TABLE ledgerline_audit.tree RENAME TO tree_away');
    await test.apply(tenant('b'));
    await expect(working).rejects.toThrow('ledgerline_audit.tree');
    await pool.query('ALTER TABLE ledgerline_audit.tree_away RENAME TO tree');
    await test.apply(tenant('c'));
    await pool.query('CREATE TABLE removed AS SELECT * FROM ledgerline_log.events WHERE position = 2');
    await pool.query(
      'BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM ledgerline_log.events WHERE position ' +
        '= 2; COMMIT',
    );
    const told = Promise.withResolvers<string>();
    working = test.ledger.project(stopping.signal, undefined, ({ message }) => {
      told.resolve(message);
    });
    working.catch(() => undefined);
    expect(await told.promise).toContain('the log has no event at position 2');
    const { rows } = await pool.query('SELECT size FROM ledgerline_audit.tree');
    expect(rows).toEqual([{ size: 1 }]);
    await pool.query(
      'BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO ledgerline_log.events SELECT * FROM removed; ' +
        'COMMIT',
    );
    await untilKept(3);
  });
});
