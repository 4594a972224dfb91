import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresLog } from '#event-store/postgres';
import { NO_STREAM } from '#event-store/port';
import { type TestDatabase, testDatabase } from '../support/postgres.js';
import { createPool } from '#postgres/pool';
import { signCheckpoint } from '#transparency/checkpoint';
import { KeptTree, rootText } from '#transparency/kept-tree';
import { newSigner } from '#transparency/note';
import { verifyLog } from '#transparency/verify';

// An attacker with write access to the tables of the log, past its trigger, changes it. Each change is found and
// located.

const signer = newSigner('ledgerline/test');
const EVENTS = 600;
const id = (n: number) => `3f0c8a52-5d0e-5b7a-9a44-${String(n).padStart(12, '0')}`;

let database: TestDatabase;
let log: PostgresLog;
let tree: KeptTree;

async function append(from: number, to: number): Promise<void> {
  const events = Array.from({ length: to - from + 1 }, (_, index) => ({
    id: id(from + index),
    type: 'T',
    data: `{"n":${from + index}}`,
    metadata: '{}',
  }));
  await log.append('s', from === 1 ? NO_STREAM : from - 2, events);
}

/** As a superuser may, past every trigger. */
async function tamper(...statements: string[]): Promise<void> {
  await database.pool.query(`begin; set local session_replication_role = replica; ${statements.join('; ')}; commit`);
}

const checkpoint = async (): Promise<string> => signCheckpoint(await tree.head(), signer);
async function failures(...notes: string[]) {
  const { failures: found } = await verifyLog(log, database.pool, {
    notes: notes.map((note, n) => ({ name: `note ${n + 1}`, note })),
    verifier: signer.verifier,
  });
  return found.map(({ code, position }) => [code, position]);
}

beforeEach(async () => {
  database = await testDatabase();
  log = new PostgresLog(database.pool);
  tree = new KeptTree(database.pool, log);
  await log.migrate();
  await tree.migrate();
  await append(1, EVENTS);
  await tree.keepUp();
});
afterEach(async () => {
  await log.close();
  await database.drop();
});

const renumber = (from: number, by: number) => [
  `update ledgerline_log.events set position = -position where position >= ${from}`,
  `update ledgerline_log.events set position = -position + ${by} where position < 0`,
  `update ledgerline_log.head set position = position + ${by}`,
];

describe('a log that nobody touched', () => {
  it('matches its tree at any size, and the checkpoints signed on the way', async () => {
    const early = await checkpoint();
    await append(EVENTS + 1, EVENTS + 10);
    const verified = await verifyLog(log, database.pool, {
      notes: [{ name: 'early', note: early }],
      verifier: signer.verifier,
    });
    const { size, root } = await tree.head();
    expect(verified).toEqual({
      ok: true,
      size: 610,
      root: rootText(root),
      kept: 600,
      compared: { checkpoints: 1, ofOtherKeys: 0, invoices: 0 },
      failures: [],
    });
    expect(size).toBe(610);
  });

  it('matches while others append', async () => {
    const appending = (async () => {
      for (let n = 601; n <= 640; n += 1) await append(n, n);
    })();
    expect(await failures()).toEqual([]);
    await appending;
    expect(await failures()).toEqual([]);
  });

  it('has one tree, also if many processes update it', async () => {
    const other = new KeptTree(database.pool, log);
    for (let n = 601; n <= 900; n += 50) {
      await append(n, n + 49);
      const [mine, theirs] = await Promise.all([tree.head(), other.head()]);
      expect(mine).toEqual(theirs);
    }
    expect(await failures()).toEqual([]);
  });
});

describe('tampering with the log in Postgres', () => {
  it('an edited byte: which event', async () => {
    await tamper(`update ledgerline_log.events set data = '{"n":8}' where position = 7`);
    expect(await failures()).toEqual([['event_changed', 7]]);
  });

  it.each(['stream', 'type', 'metadata'])('an edited %s', async (column) => {
    await tamper(`update ledgerline_log.events set ${column} = 'x' || ${column} where position = 300`);
    expect(await failures()).toEqual([['event_changed', 300]]);
  });

  it.each([
    ['recorded_at', "recorded_at + interval '1 microsecond'"],
    ['event_id', `'${id(9_999)}'`],
    ['revision', 'revision + 1000'],
  ])('an edited %s', async (column, value) => {
    await tamper(`update ledgerline_log.events set ${column} = ${value} where position = 300`);
    expect(await failures()).toEqual([['event_changed', 300]]);
  });

  it('a deleted event that leaves a gap', async () => {
    await tamper('delete from ledgerline_log.events where position = 42');
    expect(await failures()).toEqual([['events_missing', 42]]);
  });

  it('a deleted event, with all later events moved up', async () => {
    await tamper('delete from ledgerline_log.events where position = 590', ...renumber(591, -1));
    // 590 to 599 are others than recorded, and the last is missing.
    expect(await failures()).toEqual([
      ...Array.from({ length: 10 }, (_, index) => ['event_changed', 590 + index]),
      ['events_missing', 600],
    ]);
  });

  it('an inserted event, with all later events moved down', async () => {
    const insert =
      `insert into ledgerline_log.events select 595, 's', 5000, '${id(7_777)}', type, data, metadata, ` +
      `recorded_at from ledgerline_log.events where position = 1`;
    await tamper(...renumber(595, 1), insert);
    expect(await failures()).toEqual(Array.from({ length: 6 }, (_, index) => ['event_changed', 595 + index]));
  });

  it('an inserted event before the first, or after the end', async () => {
    const insert = (position: number) =>
      `insert into ledgerline_log.events select ${position}, 's', ${position} + 5000, ` +
      `'${id(position + 7_777)}', type, data, metadata, recorded_at from ledgerline_log.events where position = 1`;
    await tamper(insert(0), insert(601));
    expect(await failures()).toEqual([
      ['event_inserted', 0],
      ['event_inserted', 601],
    ]);
  });

  it('two events swapped', async () => {
    await tamper(
      'update ledgerline_log.events set position = 0 where position = 10',
      'update ledgerline_log.events set position = 10 where position = 20',
      'update ledgerline_log.events set position = 20 where position = 0',
    );
    expect(await failures()).toEqual([
      ['event_changed', 10],
      ['event_changed', 20],
    ]);
  });

  it('a cut end', async () => {
    await tamper(
      'delete from ledgerline_log.events where position > 580',
      'update ledgerline_log.head set position = 580',
    );
    expect(await failures()).toEqual([['events_missing', 581]]);
  });

  it('an older copy of the log with other events appended', async () => {
    await tamper('create table copy as select * from ledgerline_log.events');
    const kept = await checkpoint();
    await tamper(
      'truncate ledgerline_log.events',
      'insert into ledgerline_log.events select * from copy where position <= 590',
      'update ledgerline_log.head set position = 590',
    );
    await tamper("update ledgerline_log.streams set revision = 589 where name = 's'");
    expect(await failures(kept)).toEqual([
      ['events_missing', 591],
      ['events_gone', 591],
    ]);
    const events = Array.from({ length: 20 }, (_, index) => ({
      id: id(8_000 + index),
      type: 'T',
      data: '{}',
      metadata: '{}',
    }));
    await log.append('s', 589, events);
    // 591 to 600 are in the kept tree, as they were.
    const found = await failures(kept);
    expect(found.slice(0, 3)).toEqual([
      ['event_changed', 591],
      ['root_differs', 591],
      ['event_changed', 592],
    ]);
  });

  it('an older copy of the whole database: only a checkpoint stored elsewhere shows it', async () => {
    const [early, late] = [signCheckpoint({ size: 580, root: await tree.rootAt(580) }, signer), await checkpoint()];
    const older = 'delete from ledgerline_log.events where position > 590';
    await tamper(older, 'update ledgerline_log.head set position = 590', 'drop schema ledgerline_audit cascade');
    tree = new KeptTree(database.pool, log);
    await tree.migrate();
    await tree.keepUp();
    expect(await failures()).toEqual([]);
    expect(await failures(early)).toEqual([]);
    expect(await failures(early, late)).toEqual([['events_gone', 591]]);
    await log.append(
      't',
      NO_STREAM,
      Array.from({ length: 20 }, (_, index) => ({ id: id(8_000 + index), type: 'T', data: '{}', metadata: '{}' })),
    );
    // Somewhere after what both agree on.
    expect(await failures(early, late)).toEqual([['root_differs', 581]]);
  });

  it('an edited event with a new tree to match: a checkpoint shows it', async () => {
    const before = await checkpoint();
    await tamper(
      `update ledgerline_log.events set data = '{}' where position = 7`,
      'drop schema ledgerline_audit cascade',
    );
    expect(await failures(before)).toEqual([
      ['no_tree', 1],
      ['root_differs', 1],
    ]);
    await new KeptTree(database.pool, log).migrate();
    await new KeptTree(database.pool, log).keepUp();
    expect(await failures(before)).toEqual([['root_differs', 1]]);
  });

  it('edited hashes above the leaves', async () => {
    await tamper(
      "update ledgerline_audit.tiles set hashes = overlay(hashes placing '\\xff'::bytea from 40) where level = 1",
    );
    // The 40th byte is in the second of the two hashes of 256 leaves: the tile of tiles 0 to 255.
    expect(await failures()).toEqual([['tree_changed', 1]]);
  });

  it('a checkpoint that was changed, or that someone else signed', async () => {
    const mine = await checkpoint();
    const theirs = signCheckpoint({ size: 600, root: Buffer.alloc(32) }, newSigner('ledgerline/test'));
    expect(await failures(mine.replace('\n600\n', '\n500\n'))).toEqual([['checkpoint_not_signed', null]]);
    expect(await failures(theirs)).toEqual([['checkpoint_not_signed', null]]);
    const unchecked = await verifyLog(log, database.pool, { notes: [{ name: 'mine', note: mine }], verifier: null });
    expect(unchecked.failures.map(({ code }) => code)).toEqual(['no_key']);
  });
});

describe('verification', () => {
  it('checks the stored checkpoints of the given key, and counts those of other keys', async () => {
    const later = newSigner('ledgerline/later');
    for (const key of [signer, later])
      await tree.keepCheckpoint(600, signCheckpoint(await tree.head(), key), key.verifier);
    await tree.keepCheckpoint(590, signCheckpoint({ size: 590, root: Buffer.alloc(32) }, later), later.verifier);
    const by = async (verifier: typeof signer.verifier) => verifyLog(log, database.pool, { notes: [], verifier });
    expect(await by(signer.verifier)).toMatchObject({ ok: true, compared: { checkpoints: 1, ofOtherKeys: 2 } });
    expect(await by(later.verifier)).toMatchObject({
      ok: false,
      compared: { checkpoints: 2, ofOtherKeys: 1 },
      failures: [{ code: 'root_differs' }],
    });
  });

  it('needs only read access', async () => {
    const role = `reader_${process.pid}`;
    await database.pool.query(
      `create role ${role}; grant usage on schema ledgerline_log, ledgerline_audit to ${role}; grant select ` +
        `on all tables in schema ledgerline_log, ledgerline_audit to ${role}`,
    );
    const pool = createPool(`${database.url}?options=${encodeURIComponent(`-c role=${role}`)}`);
    const reading = new PostgresLog(pool);
    const { ok, size } = await verifyLog(reading, pool, { notes: [], verifier: null });
    expect([ok, size]).toEqual([true, 600]);
    await expect(pool.query('insert into ledgerline_audit.tree values (false, 1)')).rejects.toThrow(
      'permission denied',
    );
    await reading.close();
    await pool.end();
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  });
});
