import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { startApi } from '#api/start';
import { takeOver } from '#operations/outdated';
import { projections } from '#projections/index';
import { Projector } from '#read-model/projector';
import { Rebuilder } from '#read-model/rebuild';
import { LISTENING } from '../support/api.js';
import { cli } from '../support/cli.js';
import { tenant } from '../support/commands.js';
import { ledgerOn, type TestLedger, testLedger } from '../support/ledger.js';
import { on } from '../support/log.js';
import { expectReplayToBeLive } from '../support/replay.js';

const logger = pino({ level: 'silent' });

/** As a later program has them: its tenants are of another version. */
const LATER = projections.map((projection) =>
  projection.name === 'tenants' ? { ...projection, version: projection.version + 1 } : projection,
);
const silent = { signal: new AbortController().signal, report: () => undefined };

describe('projections of other versions', () => {
  let test: TestLedger;
  beforeEach(async () => {
    test = await testLedger();
    await test.apply(tenant('t1'));
    await test.ledger.catchUp();
  });
  afterEach(async () => test.close());

  const outdate = async (): Promise<void> => {
    // A database that an earlier program left: its checkpoint lacks columns too, and a table has another shape.
    await test.core.pool.query(
      "UPDATE ledgerline.checkpoint SET versions = 'tenants@1'; ALTER TABLE ledgerline.checkpoint DROP " +
        'generation, DROP halted, DROP events_per_second, DROP part;' +
        ' ALTER TABLE ledgerline.tenants DROP COLUMN time_zone',
    );
  };

  it('take over while the earlier program serves, which reports it, and give back to it after a catch-up', async () => {
    const later = {
      projector: new Projector(test.core.log, test.core.pool, LATER, 'ledgerline'),
      rebuilder: new Rebuilder(test.core.log, test.core.pool, LATER, 'ledgerline'),
    };
    await expect(later.projector.position()).rejects.toThrow('made by other versions');
    expect(await test.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }] });
    await takeOver(later.projector, later.rebuilder, silent);
    expect(await later.projector.catchUp()).toBe(1);
    await expect(test.ask('tenants')).rejects.toThrow('made by other versions');
    expect(await test.ask('projections')).toMatchObject({ state: 'rebuilding' });
    // The kept read models do not have the events recorded since then yet.
    await test.core.log.append('tenant-t2', -1, [
      {
        id: '7d0c8a52-5d0e-4b7a-9a44-0e6c1d2b3a49',
        type: 'CommandUnchanged',
        data: '{"command":"x"}',
        metadata: '{"actor":"a"}',
      },
    ]);
    expect(await later.projector.catchUp()).toBe(2);
    await takeOver(
      new Projector(test.core.log, test.core.pool, projections, 'ledgerline'),
      test.ledger.rebuilder,
      silent,
    );
    expect(await test.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }] });
    await expectReplayToBeLive(test.url);
  });

  it('are built by an API at its start, which is not ready until then', async () => {
    await outdate();
    // Someone else is at it: it is waited for.
    const lock = await test.core.pool.connect();
    await lock.query("SELECT pg_advisory_lock(hashtext('ledgerline:rebuild:ledgerline'))");
    const api = await startApi({
      ...on(test.url),
      jwtSecret: 'a secret of the specs, longer than 32 characters',
      ...LISTENING,
      logger,
    });
    try {
      const ready = async () => {
        const response = await fetch(`${api.url}/health/ready`);
        return { status: response.status, body: await response.json() };
      };
      expect(await ready()).toMatchObject({
        status: 503,
        body: { status: 'not_ready', reason: expect.stringContaining('are being built') },
      });
      await lock.query("SELECT pg_advisory_unlock(hashtext('ledgerline:rebuild:ledgerline'))");
      while ((await ready()).status !== 200) await test.core.pool.query('SELECT 1');
    } finally {
      lock.release();
      await api.close();
    }
    await expectReplayToBeLive(test.url);
  });

  it('are built by any command that waits for them, but not by the status and a preview', async () => {
    await outdate();
    const at = { env: { DATABASE_URL: test.url } };
    const status = await cli(['projections', 'status', '--json'], at);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'rebuilding', rebuild: null });
    const preview = await cli(['projections', 'rebuild', '--preview', '--json'], at);
    expect({ code: preview.code, ...(JSON.parse(preview.stdout) as object) }).toMatchObject({
      code: 0,
      outcome: 'previewed',
      tables: expect.arrayContaining([
        expect.objectContaining({ table: 'tenants', columnsApart: ['time_zone'], rows: 1 }),
      ]),
    });
    const partly = await cli(['projections', 'rebuild', '--only', 'tenants'], at);
    expect({ code: partly.code, stderr: partly.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('Rebuild all of them, without --only.'),
    });
    const opened = await ledgerOn(test.url);
    expect(await opened.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }] });
    await opened.close();
    await expectReplayToBeLive(test.url);
  });
});
