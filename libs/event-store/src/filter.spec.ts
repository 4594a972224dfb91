import { describe, expect, it } from '@jest/globals';
import { all, event } from '../../../test/support/event-log-contract.js';
import { testDatabase } from '../../../test/support/postgres.js';
import { instant } from '#domain/time/instant';
import { MemoryLog } from './memory.js';
import { type EventLog, NO_STREAM } from './port.js';
import { PostgresLog } from './postgres.js';

describe('events by who caused them', () => {
  const by = (n: number, metadata: string) => ({ ...event(n), metadata });
  const EVENTS = [
    by(1, '{"actor":"ann"}'),
    by(2, '{"actor":"bob","requestId":"ann"}'),
    by(3, '{ "v": 2, "actor": "ann" }'),
    by(4, '"ann"'),
    by(5, 'ann'),
  ];
  const found = async (log: EventLog) => {
    await log.append('a', NO_STREAM, EVENTS);
    const revisions = async (...actors: string[]) =>
      (await all(log.readAll(0, { actors }))).map(({ revision }) => revision + 1);
    return [await revisions('ann'), await revisions('bob', 'ann'), await revisions('an'), await revisions()];
  };
  const EXPECTED = [[1, 3], [1, 2, 3], [], []];

  it('are found in Postgres', async () => {
    const database = await testDatabase();
    try {
      const log = new PostgresLog(database.pool);
      await log.migrate();
      expect(await found(log)).toEqual(EXPECTED);
      await log.close();
    } finally {
      await database.drop();
    }
  });

  it('are found in memory', async () => {
    expect(await found(new MemoryLog(() => instant('2026-04-01T00:00:00Z')))).toEqual(EXPECTED);
  });
});
