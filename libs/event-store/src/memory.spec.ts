import { describe, expect, it } from '@jest/globals';
import { fromMicros, instant } from '#domain/time/instant';
import { eventLogContract } from '../../../test/support/event-log-contract.js';
import { MemoryLog } from './memory.js';
import { NO_STREAM } from './port.js';

eventLogContract('the log in memory', async () => {
  let micros = 0n;
  const log = new MemoryLog(() => fromMicros((micros += 1n)));
  return { log, dense: true, close: async () => undefined };
});

describe('the log in memory', () => {
  it('keeps recordedAt from going back with its clock', async () => {
    const clock = ['2026-04-01T00:00:00Z', '2026-03-31T23:59:59.999999Z', '2026-04-01T00:00:00.5Z'].map((text) =>
      instant(text),
    );
    const log = new MemoryLog(() => clock.shift() ?? instant('2026-04-02T00:00:00Z'));
    for (const revision of [NO_STREAM, 0, 1]) {
      await log.append('a', revision, [
        { id: '00000000-0000-4000-8000-000000000001', type: 'Happened', data: '{}', metadata: '{}' },
      ]);
    }
    const times: string[] = [];
    for await (const event of log.read('a')) times.push(event.recordedAt);
    expect(times).toEqual(['2026-04-01T00:00:00Z', '2026-04-01T00:00:00Z', '2026-04-01T00:00:00.5Z']);
  });
});
