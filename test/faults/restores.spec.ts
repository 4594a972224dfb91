import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { LedgerModule } from '#operations/ledger.module';
import { Ledger } from '#operations/ledger';
import { Audit } from '#audit/audit';
import { BUDGETS } from '#billing/budgets/evaluate-budgets';
import { UsageIntake } from '#billing/usage/ingest';
import { watch } from '#billing/watching/watch';
import { instant } from '#domain/time/instant';
import { NO_STREAM } from '#event-store/port';
import { deliverWebhooks } from '#exchange/webhooks/deliver';
import { projections } from '#projections/index';
import { Rebuilder } from '#read-model/rebuild';
import { cli } from '../support/cli.js';
import { tenant } from '../support/commands.js';
import { EventStoreDbNode } from '../support/eventstoredb-node.js';
import { ADMIN, ledgerOn, type TestLedger } from '../support/ledger.js';
import { type TestDatabase, testDatabase } from '../support/postgres.js';
import { receiver } from '../support/receiver.js';

/** Sets the log in Postgres back to a position, as a restore of an older backup of its schema would. */
const setBack = (database: TestDatabase, to: number): Promise<unknown> =>
  database.pool.query(
    `ALTER TABLE ledgerline_log.events DISABLE TRIGGER ALL;
     DELETE FROM ledgerline_log.events WHERE position > ${to};
     ALTER TABLE ledgerline_log.events ENABLE TRIGGER ALL;
     DELETE FROM ledgerline_log.streams s WHERE NOT EXISTS (
       SELECT FROM ledgerline_log.events e WHERE e.stream = s.name);
     UPDATE ledgerline_log.streams s SET revision = (
       SELECT max(revision) FROM ledgerline_log.events e WHERE e.stream = s.name);
     UPDATE ledgerline_log.head SET position = ${to}, source_position = (
       SELECT max(source_position) FROM ledgerline_log.events)`,
  );

const FORGET_TREE = 'DROP SCHEMA ledgerline_audit CASCADE';

describe('the ledger on a log in Postgres that is not the one of its read models', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
    await within(async (test) => {
      await test.apply(tenant('t1'), tenant('t2'), tenant('t3'));
      await test.ledger.catchUp();
      await test.app.get(Audit).keepUp();
    });
  });
  afterEach(async () => database.drop());

  async function within(work: (test: TestLedger) => Promise<void>): Promise<void> {
    const test = await ledgerOn(database.url);
    try {
      await work(test);
    } finally {
      await test.close();
    }
  }
  const run = (...args: string[]) => cli(args, { env: { DATABASE_URL: database.url } });
  const apply = (command: object) =>
    cli(['apply', '-'], { env: { DATABASE_URL: database.url }, input: JSON.stringify(command) });

  it('names the position at which the log ends, if it was set back, and serves it after a rebuild', async () => {
    await setBack(database, 2);
    const refused = await run('query', 'tenants');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(
      'The read models in ledgerline are at position 3, but the log ends at 2: it was set back. Nothing is served' +
        ' from them. Restore a log that has these events, or run "ledgerline projections rebuild --accept"',
    );
    await database.pool.query(FORGET_TREE);
    expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
    await within(async (test) => {
      expect(await test.ask('tenants')).toMatchObject({ items: [{ tenantId: 't1' }, { tenantId: 't2' }] });
      await test.apply(tenant('t4'));
      await test.ledger.catchUp();
      expect(await test.ask('tenants')).toMatchObject({
        items: [{ tenantId: 't1' }, { tenantId: 't2' }, { tenantId: 't4' }],
      });
      expect(await test.check()).toMatchObject({ failures: [] });
    });
    const rolledBack = await run('projections', 'rollback');
    expect(rolledBack.code).toBe(1);
    expect(rolledBack.stderr).toContain(
      'The read models in ledgerline_previous are at position 3, and the log has another event there',
    );
  });

  it('names the position at which the log differs, if it was set back and went on', async () => {
    await setBack(database, 2);
    await database.pool.query('ALTER SCHEMA ledgerline RENAME TO aside');
    await database.pool.query(FORGET_TREE);
    await within(async (test) => {
      await test.apply(tenant('t4'), tenant('t5'));
    });
    await database.pool.query('DROP SCHEMA ledgerline CASCADE');
    await database.pool.query('ALTER SCHEMA aside RENAME TO ledgerline');
    expect((await run('query', 'tenants')).stderr).toContain(
      'The read models in ledgerline are at position 3, and the log has another event there: it was set back, and' +
        ' went on differently.',
    );
    expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
    expect(JSON.parse((await run('query', 'tenants', '--json')).stdout)).toMatchObject({
      items: ['t1', 't2', 't4', 't5'].map((tenantId) => ({ tenantId })),
    });
  });

  it('says that the first event differs, if it is another log', async () => {
    const other = await testDatabase();
    const test = await ledgerOn(other.url);
    await test.apply(tenant('a'), tenant('b'), tenant('c'), tenant('d'));
    await test.close();
    const { rows } = await other.pool.query<{ row: string }>('SELECT e::text AS row FROM ledgerline_log.events e');
    await setBack(database, 0);
    await database.pool.query(
      'INSERT INTO ledgerline_log.events SELECT (r::ledgerline_log.events).* FROM unnest($1::text[]) r',
      [rows.map(({ row }) => row)],
    );
    await database.pool.query('UPDATE ledgerline_log.head SET position = 4');
    expect((await run('query', 'tenants')).stderr).toContain(
      'The read models in ledgerline are at position 3, of another log: it has another first event.',
    );
    await other.drop();
  });

  it('does not rebuild a part of the read models from it', async () => {
    await setBack(database, 2);
    await database.pool.query(FORGET_TREE);
    const refused = await run('projections', 'rebuild', '--only', 'tenants', '--accept');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('are at position 3, but the log ends at 2: it was set back.');
    // They still have what the later log has, for when it is restored.
    const { rows } = await database.pool.query('SELECT tenant_id FROM ledgerline.tenants ORDER BY 1');
    expect(rows).toEqual([{ tenant_id: 't1' }, { tenant_id: 't2' }, { tenant_id: 't3' }]);
  });

  it('keeps nothing that a killed rebuild copied from events that no longer exist', async () => {
    const day = (n: number) => ({
      command: 'observe-usage',
      deploymentId: 'd',
      observations: [
        {
          resourceId: 'r',
          billingKind: 'cpu',
          period: { start: instant(`2026-04-0${n}T00:00:00Z`), end: instant(`2026-04-0${n + 1}T00:00:00Z`) },
          granularity: 'day',
          quantity: '24',
        },
      ],
    });
    await within(async (test) => {
      const from = instant('2026-01-01T00:00:00Z');
      await test.apply({ command: 'register-deployment', deploymentId: 'd', tenantId: 't1', name: 'D', from });
      await test.apply(day(1), day(2));
      await test.ledger.catchUp();
      // It dies at the first event that is not copied.
      const dying = projections.map((each) =>
        each.name === 'tenants' ? { ...each, project: () => Promise.reject(new Error('killed')) } : each,
      );
      const { log, pool } = test.core;
      await expect(new Rebuilder(log, pool, dying, 'ledgerline').rebuild()).rejects.toThrow('killed');
    });
    const { rows: done } = await database.pool.query('SELECT lane, first, last FROM ledgerline_shadow.folded');
    expect(done).toEqual([{ lane: 'copy', first: 1, last: 6 }]);
    await setBack(database, 5);
    await database.pool.query(FORGET_TREE);
    expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
    await within(async (test) => {
      // The first day, without the second, whose position has another event now.
      await test.apply(tenant('t4'));
      expect(await test.ask('usage', { deploymentId: 'd' })).toEqual({ cpu: '24' });
      expect(await test.check()).toMatchObject({ failures: [] });
    });
  });

  it('takes no reading for a new one in a process that remembers those which the log had', async () => {
    const reading = (resourceId: string, quantity = '1') => ({
      ...{ deploymentId: 'd', isEvent: false },
      observation: {
        ...{ resourceId, billingKind: 'cpu', granularity: 'day' as const, quantity },
        period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-02T00:00:00Z') },
      },
    });
    const sendTo =
      (intake: UsageIntake) =>
      async (...sent: Parameters<typeof reading>) =>
        (await intake.ingest([reading(...sent)], ADMIN)).map(({ status }) => status);
    await within(async (test) => {
      const from = instant('2026-01-01T00:00:00Z');
      await test.apply({ command: 'register-deployment', deploymentId: 'd', tenantId: 't1', name: 'D', from });
      const kept = { streams: 10, slots: 1000, eventsPerLookUp: 8, seenMs: 0 };
      const running = sendTo(new UsageIntake(test.core, kept));
      expect([await running('a'), await running('b')]).toEqual([['accepted'], ['accepted']]);
      // Position 5 has the first reading, and 6 the second one, at revision 1 of its stream.
      await setBack(database, 5);
      await database.pool.query(FORGET_TREE);
      expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
      await within(async (other) => {
        expect(await sendTo(new UsageIntake(other.core))('c')).toEqual(['accepted']);
      });
      // Revision 1 is another event now.
      expect(await running('c', '2')).toEqual(['conflict']);
      expect([await running('a'), await running('b'), await running('c')]).toEqual([
        ...[['duplicate'], ['accepted'], ['duplicate']],
      ]);
    });
  });

  it('takes no usage of a deployment that it does not have any more, in a process that remembers it', async () => {
    const register = {
      ...{ command: 'register-deployment', deploymentId: 'd', tenantId: 't1', name: 'D' },
      from: instant('2026-01-01T00:00:00Z'),
    };
    const observation = {
      ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'day' as const, quantity: '1' },
      period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-02T00:00:00Z') },
    };
    await within(async (test) => {
      const intake = new UsageIntake(test.core);
      const observe = async () =>
        test.ledger.execute({ command: 'observe-usage', deploymentId: 'd', observations: [observation] }, ADMIN);
      const ingest = async () => {
        const [verdict] = await intake.ingest([{ deploymentId: 'd', isEvent: false, observation }], ADMIN);
        return verdict;
      };
      await test.apply(register);
      expect(await ingest()).toMatchObject({ status: 'accepted' });
      expect(await observe()).toMatchObject({ status: 'unchanged' });
      // Position 4 has the registration.
      await setBack(database, 3);
      await database.pool.query(FORGET_TREE);
      expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
      expect(await ingest()).toMatchObject({ status: 'rejected', error: { code: 'unknown_deployment' } });
      expect(await observe()).toMatchObject({ status: 'refused', error: { code: 'unknown_deployment' } });
      expect(await test.core.log.head()).toBe(3);
      await test.apply(register);
      expect(await ingest()).toMatchObject({ status: 'accepted' });
    });
  });

  it('skips no event that is where it had a skipped one, in a process that was running', async () => {
    await within(async (test) => {
      const unreadable = { type: 'TenantRenamed', data: '{"tenantId":"t1"}', metadata: '{"actor":"another program"}' };
      await test.core.log.append('a-stream', NO_STREAM, [{ ...unreadable, id: randomUUID() }]);
      await test.apply({ command: 'skip-event', position: 4, reason: 'of another program' });
      await test.apply(tenant('t4'));
      await test.ledger.catchUp();
      await setBack(database, 3);
      await database.pool.query(FORGET_TREE);
      expect(await run('projections', 'rebuild', '--accept')).toMatchObject({ code: 0 });
      await test.apply(tenant('t5'));
      expect(await test.core.log.head()).toBe(4);
      expect(await test.ask('tenants')).toMatchObject({
        items: ['t1', 't2', 't3', 't5'].map((tenantId) => ({ tenantId })),
      });
    });
  });

  it('takes a reading that it lost for a new one while the projections are halted', async () => {
    const observation = {
      ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'day' as const, quantity: '1' },
      period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-02T00:00:00Z') },
    };
    await within(async (test) => {
      const intake = new UsageIntake(test.core);
      const ingest = async () => {
        const [verdict] = await intake.ingest([{ deploymentId: 'd', isEvent: false, observation }], ADMIN);
        return verdict?.status;
      };
      const from = instant('2026-01-01T00:00:00Z');
      await test.apply({ command: 'register-deployment', deploymentId: 'd', tenantId: 't1', name: 'D', from });
      await test.ledger.catchUp();
      const unreadable = { type: 'TenantRenamed', data: '{"tenantId":"t1"}', metadata: '{"actor":"another program"}' };
      await test.core.log.append('a-stream', NO_STREAM, [{ ...unreadable, id: randomUUID() }]);
      await expect(test.ledger.catchUp()).rejects.toThrow('halted at position 5');
      expect([await ingest(), await ingest()]).toEqual(['accepted', 'duplicate']);
      // Position 6 has the reading. The read models, at 4, are of the log as it is then.
      await setBack(database, 5);
      await database.pool.query(FORGET_TREE);
      expect([await ingest(), await ingest()]).toEqual(['accepted', 'duplicate']);
      expect(await test.core.log.head()).toBe(6);
    });
  });

  it('measures budgets again that were evaluated up to events which it does not have', async () => {
    const from = instant('2026-01-01T00:00:00Z');
    const observe = {
      ...{ command: 'observe-usage', deploymentId: 'd' },
      observations: [
        {
          ...{ resourceId: 'r', billingKind: 'cpu', granularity: 'day', quantity: '12' },
          period: { start: instant('2026-04-01T00:00:00Z'), end: instant('2026-04-02T00:00:00Z') },
        },
      ],
    };
    await within(async (test) => {
      const reports: string[] = [];
      const isReached = async () =>
        (await test.ask<{ items: { type: string }[] }>('events', { stream: 'budget-t1' })).items.some(
          ({ type }) => type === 'BudgetThresholdReached',
        );
      /** The worker's part that evaluates, until the usage, 12 of 10, is recorded as above the threshold. */
      const untilReached = async () => {
        const working = new AbortController();
        const ended = watch(test.core, BUDGETS, {
          ...{ signal: working.signal, now: () => instant('2026-04-15T00:00:00Z') },
          report: (message) => reports.push(message),
        });
        // It is told last, once it is recorded and kept.
        const before = reports.length;
        while (!reports.slice(before).some((message) => message.includes(' reached, ')))
          await new Promise(setImmediate);
        expect(await isReached()).toBe(true);
        working.abort();
        await ended;
      };
      const evaluated = async () => (await test.core.outcomes.read('evaluation', 'budgets'))[0]?.outcome;
      await test.apply(
        { command: 'register-deployment', deploymentId: 'd', tenantId: 't1', name: 'D', from },
        {
          ...{ command: 'set-budget', tenantId: 't1', budgetId: 'cpu', billingKind: 'cpu', quantity: '10' },
          effectiveFrom: '2026-04-01T00:00:00Z',
        },
        observe,
      );
      await test.ledger.catchUp();
      await untilReached();
      expect(reports).toEqual(['budgets: 3 thresholds reached, 0 undone']);
      const { position } = (await evaluated()) as { position: number };
      // Position 6 has the usage.
      await setBack(database, 5);
      await database.pool.query(FORGET_TREE);
      await test.ledger.rebuilder.rebuild({ accept: true });
      await test.apply(observe, ...Array.from({ length: position }, (_, n) => tenant(`other-${n}`)));
      await test.ledger.catchUp();
      expect(await isReached()).toBe(false);
      await untilReached();
      expect(reports.slice(1)).toEqual([
        `budgets: the log was replaced: its event ${position} is not the one up to which they were evaluated. All are` +
          ' evaluated again.',
        'budgets: 3 thresholds reached, 0 undone',
      ]);
    });
  });

  it.each([
    ['that was running', true],
    ['started later', false],
  ])('has its messages sent by a worker %s, and none that waited of the log before', async (_when, isRunning) => {
    const books = await receiver();
    const pay = (paymentId: string) => ({
      ...{ command: 'record-payment', paymentId, tenantId: 't1', currency: 'USD', amount: '10.00' },
      at: '2026-04-01T00:00:00Z',
    });
    const paid = (): unknown[] => books.received.map(({ body }) => (JSON.parse(body) as { subject: string }).subject);
    await within(async (test) => {
      let [working, ended] = [new AbortController(), Promise.resolve()];
      const reports: string[] = [];
      const work = (): void => {
        working = new AbortController();
        ended = deliverWebhooks(test.core, working.signal, {
          ...{ now: () => instant('2026-04-15T00:00:00Z'), allowsPrivate: true, backoffS: [3600, 3600] },
          report: (message) => reports.push(message),
        });
      };
      try {
        await test.apply({ command: 'register-webhook', webhookId: 'books', url: books.url });
        books.answers(({ body }) => (body.includes('lost-2') ? 500 : 204));
        work();
        await test.apply(pay('lost-1'), pay('lost-2'));
        await test.ledger.catchUp();
        await books.until(2);
        if (!isRunning) {
          working.abort();
          await ended;
        }
        // Position 4 has the endpoint.
        await setBack(database, 4);
        await database.pool.query(FORGET_TREE);
        await test.ledger.rebuilder.rebuild({ accept: true });
        await test.apply(pay('new-1'), pay('new-2'), pay('new-3'));
        await test.ledger.catchUp();
        if (!isRunning) work();
        await books.until(5);
        expect(paid()).toEqual(['lost-1', 'lost-2', 'new-1', 'new-2', 'new-3']);
        expect(reports.filter((message) => message.includes('the log was replaced'))).toEqual([
          'webhooks: the log was replaced: its event 6 is not the one that was there when messages to books were' +
            ' prepared. All messages since its registration are sent again.',
        ]);
        const deliveries = async () => {
          const of = { webhookId: 'books' };
          return (await test.ask<{ items: { position: number; state: string }[] }>('webhook-deliveries', of)).items;
        };
        // The answer of the endpoint is noted after it was received. Position 7 has the last payment.
        while (!(await deliveries()).some(({ position, state }) => position === 7 && state === 'delivered'));
        expect((await deliveries()).filter(({ state }) => state === 'waiting')).toEqual([]);
      } finally {
        working.abort();
        await ended;
        await books.close();
      }
    });
  });

  it('serves and projects nothing, also in a process that was running, if it went on differently', async () => {
    await within(async (test) => {
      await setBack(database, 2);
      await database.pool.query('ALTER SCHEMA ledgerline RENAME TO aside');
      await database.pool.query(FORGET_TREE);
      await within(async (other) => {
        await other.apply(tenant('t4'), tenant('t5'));
      });
      await database.pool.query('DROP SCHEMA ledgerline CASCADE');
      await database.pool.query('ALTER SCHEMA aside RENAME TO ledgerline');
      await expect(test.ask('tenants')).rejects.toThrow('the log has another event there: it was set back');
    });
  });

  it('projects nothing of it onto the read models of the log before, in a worker that was running', async () => {
    const elsewhere = await testDatabase();
    const other = await ledgerOn(elsewhere.url);
    await other.apply(tenant('t5'), tenant('t6'));
    const events = await Array.fromAsync(other.core.log.readAll(0));
    await other.close();
    await elsewhere.drop();
    await within(async (test) => {
      const { projector, log } = test.core;
      const [working, troubles] = [new AbortController(), [] as string[]];
      const ended = projector.run(working.signal, undefined, ({ message }) => troubles.push(message));
      const until = async (isReached: () => boolean | Promise<boolean>): Promise<void> => {
        while (!(await isReached())) await new Promise(setImmediate);
      };
      await test.apply(tenant('t4'));
      await until(async () => (await projector.position()) === 4);
      await setBack(database, 3);
      // The worker follows what comes after position 4, and there only the second one is.
      for (const each of events) await log.append(each.stream, NO_STREAM, [each]);
      await until(async () => troubles.length > 0 || (await projector.position()) > 4);
      working.abort();
      await ended;
      expect(troubles).toEqual([
        expect.stringContaining('The read models in ledgerline are at position 4, and the log has another event there'),
      ]);
      const { rows } = await database.pool.query('SELECT tenant_id FROM ledgerline.tenants ORDER BY 1');
      expect(rows).toEqual(['t1', 't2', 't3', 't4'].map((tenantId) => ({ tenant_id: tenantId })));
    });
  });

  it('serves nothing, also in a process that was running', async () => {
    await within(async (test) => {
      await setBack(database, 2);
      await expect(test.ask('tenants')).rejects.toThrow('the log ends at 2: it was set back');
      await expect(test.ask('check')).rejects.toThrow('the log ends at 2: it was set back');
    });
  });

  it('records nothing, and overwrites no evidence, if the Merkle tree is further than the log', async () => {
    await setBack(database, 2);
    await database.pool.query('DROP SCHEMA ledgerline CASCADE');
    for (const ran of [await run('query', 'tenants'), await apply(tenant('t4'))]) {
      expect(ran).toMatchObject({ code: 1, stdout: '' });
      expect(ran.stderr).toContain('the Merkle tree covers 3 events, and the log has no such event at position 3');
    }
    const { rows } = await database.pool.query('SELECT max(position) AS last FROM ledgerline_log.events');
    expect(rows).toEqual([{ last: 2 }]);
    expect((await run('verify')).code).toBe(1);
  });
});

describe('the ledger on an EventStoreDB that is not the one of its mirror', () => {
  let database: TestDatabase;
  let node: EventStoreDbNode;
  beforeEach(async () => {
    database = await testDatabase();
    node = await EventStoreDbNode.start();
    await on(node, async (ledger) => {
      for (const each of ['t1', 't2', 't3']) await ledger.execute(tenant(each), ADMIN);
      await ledger.catchUp();
    });
  });
  afterEach(async () => {
    await database.drop();
    await node.stop();
  });

  async function on(
    server: EventStoreDbNode,
    work: (ledger: Ledger, audit: Audit) => Promise<void>,
    databaseUrl = database.url,
  ): Promise<void> {
    const eventStore = { url: server.connectionString, prefix: 'ledgerline-' };
    const app = await NestFactory.createApplicationContext(LedgerModule.forRoot({ databaseUrl, eventStore }), {
      logger: false,
      abortOnError: false,
    });
    try {
      await work(app.get(Ledger), app.get(Audit));
    } finally {
      await app.close();
    }
  }
  const tenants = async (ledger: Ledger): Promise<unknown> => ledger.ask('tenants', {}, ADMIN);

  it('names the position at which the server ends, if it was set back, and neither serves nor writes', async () => {
    node.log.restore(node.log.backup(3));
    await on(node, async (ledger) => {
      await expect(tenants(ledger)).rejects.toThrow(
        /EventStoreDB ends at its position \d+, but the mirror has copied up to/,
      );
      const appends = node.appends;
      await expect(ledger.execute(tenant('t4'), ADMIN)).rejects.toThrow(
        'the server was set back, or it is another one',
      );
      expect(node.appends).toBe(appends);
    });
    const env = { DATABASE_URL: database.url, EVENT_STORE_URL: node.connectionString };
    const [asked, verified] = [await cli(['query', 'tenants'], { env }), await cli(['verify'], { env })];
    expect(asked).toMatchObject({ code: 1, stdout: '' });
    // One remedy, and nobody is looked for who removed something.
    expect(asked.stderr.trim()).toMatch(/take the schema ledgerline_private over from the copy\.$/);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toContain('EventStoreDB ends before revision 0 of tenant-t3 (from position 3 on)');
    expect(verified.stdout).toContain('(server_set_back)');
    expect(verified.stdout).not.toContain('Find out who deleted');
  });

  it('names the event that the mirror lacks, if the server was set back and went on', async () => {
    node.log.restore(node.log.backup(3));
    const other = await testDatabase();
    await on(
      node,
      async (ledger) => {
        for (const each of ['t4', 't5', 't6']) await ledger.execute(tenant(each), ADMIN);
      },
      other.url,
    );
    await on(node, async (ledger) => {
      await expect(tenants(ledger)).rejects.toThrow(
        /EventStoreDB has revision 0 of tenant-t\d at its position \d+, and the mirror, which is further, does not/,
      );
    });
    await other.drop();
  });

  it('says so if it is another server', async () => {
    const another = await EventStoreDbNode.start();
    another.log.write('orders', ...Array.from({ length: 50 }, () => ({ type: 'Ordered', data: new Uint8Array(100) })));
    await on(another, async (ledger) => {
      await expect(tenants(ledger)).rejects.toThrow('EventStoreDB has none of the first and last events of the mirror');
    });
    await another.stop();
  });

  it('builds everything again in an empty database, and check names what only Postgres had', async () => {
    const empty = await testDatabase();
    await on(
      node,
      async (ledger) => {
        await ledger.catchUp();
        expect(await tenants(ledger)).toMatchObject({
          items: ['t1', 't2', 't3'].map((tenantId) => ({ tenantId, name: null })),
        });
        expect(await ledger.ask('check', {}, ADMIN)).toMatchObject({
          ok: true,
          notices: expect.arrayContaining([
            expect.objectContaining({
              code: 'tenant_details_missing',
              message: 'The names and addresses of 3 of 3 tenants are not in the database: t1, t2, t3',
            }),
          ]),
        });
      },
      empty.url,
    );
    await empty.drop();
  });

  it('catches up a mirror that is older than the Merkle tree and the read models, before it serves them', async () => {
    await on(node, async (ledger, audit) => {
      await ledger.catchUp();
      await audit.keepUp();
    });
    await setBack(database, 1);
    await on(node, async (ledger, audit) => {
      expect(await tenants(ledger)).toMatchObject({ items: ['t1', 't2', 't3'].map((tenantId) => ({ tenantId })) });
      await ledger.execute(tenant('t4'), ADMIN);
      await audit.keepUp();
      expect(await ledger.ask('check', {}, ADMIN)).toMatchObject({ failures: [] });
    });
    const { rows } = await database.pool.query('SELECT position FROM ledgerline_log.events ORDER BY position');
    expect(rows).toEqual([{ position: 1 }, { position: 2 }, { position: 3 }, { position: 4 }]);
  });

  it('catches up from an older database', async () => {
    const older = await testDatabase();
    await on(
      node,
      async (ledger) => {
        await ledger.catchUp();
      },
      older.url,
    );
    await on(node, async (ledger) => {
      await ledger.execute(tenant('t4'), ADMIN);
    });
    await on(
      node,
      async (ledger) => {
        await ledger.catchUp();
        expect(await tenants(ledger)).toMatchObject({
          items: ['t1', 't2', 't3', 't4'].map((tenantId) => ({ tenantId })),
        });
        expect(await ledger.ask('check', {}, ADMIN)).toMatchObject({ failures: [] });
      },
      older.url,
    );
    await older.drop();
  });
});
