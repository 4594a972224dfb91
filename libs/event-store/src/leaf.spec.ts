import { hash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { all } from '../../../test/support/event-log-contract.js';
import { Leaf, LeafReader } from './leaf.js';
import { NO_STREAM } from './port.js';
import { PostgresLog } from './postgres.js';

const EVENT = {
  id: '3f0c8a52-5d0e-5b7a-9a44-0e6c1d2b3a49',
  type: 'Née',
  data: '{"a":  1}',
  metadata: '{}',
};

const digest = (bytes: Buffer): string => `${bytes.length} ${hash('sha256', bytes)}`;

describe('a leaf', () => {
  it('has the length before each field, and can be read back into the event', () => {
    const event = { ...EVENT, stream: 's', revision: 0, position: 12, recordedAt: instant('2026-04-01T09:00:00.5Z') };
    const leaf = Leaf.of(event);
    // 8 fields; '12', 's', '0', the id's 36 bytes = 0x24, 'Née' in 4 bytes, 9 bytes of data, '{}', 22 bytes = 0x16 of
    // time
    const hex = (text: string) => Buffer.from(text).toString('hex');
    expect(leaf.bytes.toString('hex')).toBe(
      `0800000002${hex('12')}00000001${hex('s')}00000001${hex('0')}00000024${hex(EVENT.id)}` +
        `00000004${hex('Née')}00000009${hex(EVENT.data)}00000002${hex('{}')}00000016${hex('2026-04-01T09:00:00.5Z')}`,
    );
    expect([leaf.position, leaf.text('type'), leaf.text('data')]).toEqual([12, 'Née', EVENT.data]);
    expect(leaf.event()).toEqual(event);
  });
});

describe('the answer to COPY', () => {
  const int = (bytes: number, value: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeIntBE(value, 0, bytes);
    return buffer;
  };
  const message = (code: string, ...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    return Buffer.concat([Buffer.from(code), int(4, content.length + 4), content]);
  };
  const row = (position: string, data: string): Buffer => {
    const fields = [position, 's', '0', EVENT.id, EVENT.type, data, '{}', '2026-04-01 09:00:00.5+00'].map((each) =>
      Buffer.from(each),
    );
    return Buffer.concat([int(2, fields.length), ...fields.flatMap((field) => [int(4, field.length), field])]);
  };
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int(4, 0), int(4, 0)]);
  const begin = message('H', Buffer.from([1]), int(2, 8), ...Array.from({ length: 8 }, () => int(2, 1)));
  const notice = message('N', Buffer.from('SNOTICE\0\0'));
  const rest = Buffer.concat([message('c'), message('C', Buffer.from('COPY 3\0')), message('Z', Buffer.from('I'))]);
  const rows = [row('1', 'a'), row('2', 'b'.repeat(100)), row('3', '')] as const;
  const answer = Buffer.concat([
    ...[begin, message('d', header, rows[0]), message('d', rows[1]), notice, message('d', rows[2])],
    ...[message('d', int(2, -1)), rest],
  ]);

  /** What is read of the bytes that arrive in pieces, which end at these places. */
  const readIn = (bytes: Buffer, places: readonly number[]): { leaves: string[]; end: string | undefined } => {
    const reader = new LeafReader();
    const leaves: string[] = [];
    let end: Buffer | null = null;
    let from = 0;
    for (const to of [...places, bytes.length]) {
      // A copy: the time in a row is converted in place.
      const piece = Buffer.from(bytes.subarray(from, to));
      if (end === null) {
        const read = reader.read(piece);
        leaves.push(...read.leaves.map((leaf) => `${leaf.position} ${leaf.text('data')} ${leaf.text('recordedAt')}`));
        ({ end } = read);
      } else end = Buffer.concat([end, piece]);
      from = to;
    }
    return { leaves, end: end?.toString('latin1') };
  };
  const whole = {
    leaves: ['1 a', `2 ${'b'.repeat(100)}`, '3 '].map((each) => `${each} 2026-04-01T09:00:00.5Z`),
    end: rest.toString('latin1'),
  };

  it('is the same leaves in whatever pieces it arrives', () => {
    expect(readIn(answer, [])).toEqual(whole);
    for (let first = 1; first < answer.length; first += 1)
      for (const second of [first + 1, first + 4, first + 90])
        expect(readIn(answer, [first, Math.min(second, answer.length)])).toEqual(whole);
    expect(readIn(answer, [...answer.keys()].slice(1))).toEqual(whole);
  });

  it('has no leaves if there are no rows, however the header is sent', () => {
    const none = { leaves: [], end: rest.toString('latin1') };
    expect(readIn(Buffer.concat([begin, message('d', header, int(2, -1)), rest]), [])).toEqual(none);
    expect(readIn(Buffer.concat([begin, message('d', header), message('d', int(2, -1)), rest]), [])).toEqual(none);
  });

  it('ends with an error of the server', () => {
    const error = message('E', Buffer.from('SERROR\0\0'));
    expect(readIn(Buffer.concat([begin, message('d', header, rows[0]), error]), [40])).toEqual({
      leaves: whole.leaves.slice(0, 1),
      end: error.toString('latin1'),
    });
  });

  it('is refused if a message is not one row', () => {
    const refusal = 'the server, or what stands before it, sent rows of COPY in other messages than one for each';
    const cut = rows[1].subarray(0, -3);
    expect(() => readIn(Buffer.concat([begin, message('d', header, rows[0]), message('d', cut)]), [])).toThrow(refusal);
    expect(() => readIn(Buffer.concat([begin, message('d', header, ...rows)]), [])).toThrow(refusal);
  });
});

describe('leaves out of Postgres', () => {
  let database: TestDatabase;
  let log: PostgresLog;
  beforeAll(async () => {
    database = await testDatabase();
    log = new PostgresLog(database.pool);
    await log.migrate();
    const event = (n: number) => ({ ...EVENT, id: `3f0c8a52-5d0e-5b7a-9a44-${String(n).padStart(12, '0')}` });
    // One is larger than the chunks of the wire.
    for (let n = 0; n < 30; n += 1)
      await log.append('s', n === 0 ? NO_STREAM : n - 1, [
        { ...event(n), data: JSON.stringify('ä'.repeat(n === 7 ? 200_000 : n)) },
      ]);
  });
  afterAll(async () => {
    await log.close();
    await database.drop();
  });

  const leavesIn = async (range?: { after: number; upTo: number }) => {
    const leaves: Leaf[] = [];
    for await (const batch of log.leaves(range)) leaves.push(...batch);
    return leaves;
  };

  it('are the bytes of the events that are read', async () => {
    const events = await all(log.readAll(0));
    const leaves = await leavesIn();
    expect(leaves.map(({ bytes }) => digest(bytes))).toEqual(events.map((event) => digest(Leaf.of(event).bytes)));
    expect((await leavesIn({ after: 4, upTo: 9 })).map(({ position }) => position)).toEqual([5, 6, 7, 8, 9]);
    expect(await leavesIn({ after: 30, upTo: 40 })).toEqual([]);
  });

  it('may be abandoned halfway', async () => {
    for await (const batch of log.leaves()) if (batch.length > 0) break;
    expect(await log.head()).toBe(30);
  });

  it('are refused if the session is not in UTC', async () => {
    const pool = new pg.Pool({ connectionString: database.url, options: '-c TimeZone=Asia/Tokyo', max: 1 });
    const elsewhere = new PostgresLog(pool);
    try {
      for (let time = 0; time < 2; time += 1) {
        const reading = (async () => {
          for await (const leaves of elsewhere.leaves()) expect(leaves).toEqual([]);
        })();
        await expect(reading).rejects.toThrow('the session that reads the log is not in UTC');
      }
    } finally {
      await elsewhere.close();
      await pool.end();
    }
  });

  it('fail with the error of the server, and can be read again', async () => {
    await database.pool.query('ALTER TABLE ledgerline_log.events RENAME COLUMN data TO text');
    await expect(leavesIn()).rejects.toThrow('data');
    await database.pool.query('ALTER TABLE ledgerline_log.events RENAME COLUMN text TO data');
    expect(await leavesIn({ after: 0, upTo: 2 })).toHaveLength(2);
  });
});
