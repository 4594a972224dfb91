import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.js';
import { all } from '../../../test/support/event-log-contract.js';
import { Leaf } from './leaf.js';
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
});
