import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareInstants, fromMicros, instant, isInstant, micros } from '#domain/time/instant';
import { InvalidAppend } from '#event-store/append';
import { MemoryLog } from '#event-store/memory';
import {
  type Appended,
  AppendTooLarge,
  type EventLog,
  MAX_APPEND_BYTES,
  type NewEvent,
  NO_STREAM,
  type StoredEvent,
  UnknownOutcome,
  WrongExpectedRevision,
} from '#event-store/port';

interface LogUnderTest {
  readonly log: EventLog;
  /** Positions are 1, 2, 3 …, and nobody else appends to this log. */
  readonly dense: boolean;
  close(): Promise<void>;
}

/** A log whose connections a test can break. The log may reconnect immediately. */
export interface DroppableLog extends LogUnderTest {
  dropConnections(): Promise<void>;
}

/** The behaviour of every log. The spec of each adapter runs it. */
export function eventLogContract(name: string, makeLog: () => Promise<LogUnderTest>): void {
  describe(`${name} keeps the contract of the log:`, () => {
    let test: LogUnderTest;
    let log: EventLog;
    let start: number;
    // A real server still has the streams of earlier runs, so every test uses its own names.
    let prefix: string;
    const named = (stream: string): string => `${prefix}-${stream}`;
    const ours = (): { streamPrefixes: string[] } => ({ streamPrefixes: [`${prefix}-`] });

    beforeEach(async () => {
      test = await makeLog();
      log = test.log;
      start = await log.head();
      prefix = `contract-${randomUUID()}`;
    });
    afterEach(async () => {
      await log.close();
      await test.close();
    });

    it('reads the appended events, oldest first, from a revision', async () => {
      const first = await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      const second = await log.append(named('a'), 1, [event(3)]);
      expect([first.revision, second.revision]).toEqual([1, 2]);
      const events = await all(log.read(named('a')));
      expect(events.map(({ id, revision, stream }) => ({ id, revision, stream }))).toEqual([
        { id: id(1), revision: 0, stream: named('a') },
        { id: id(2), revision: 1, stream: named('a') },
        { id: id(3), revision: 2, stream: named('a') },
      ]);
      expect(events.map((each) => each.position).slice(1)).toEqual([first.position, second.position]);
      // A position has one meaning: an event has the same position wherever it is read.
      expect(events).toEqual(await all(log.readAll(start, ours())));
      expect((await all(log.read(named('a'), 1))).map((each) => each.id)).toEqual([id(2), id(3)]);
      expect(await all(log.read(named('a'), 3))).toEqual([]);
      expect(await log.revisionOf(named('a'))).toBe(2);
    });

    it('returns no event for a stream that does not exist', async () => {
      expect(await all(log.read(named('nowhere')))).toEqual([]);
      expect(await log.revisionOf(named('nowhere'))).toBe(NO_STREAM);
    });

    it('keeps the bytes of data and metadata as they were written', async () => {
      const odd: NewEvent[] = [
        {
          ...event(1),
          data: '{ "b" : 1.0,\n\t"a": 10e2, "ü": "𝄞 \\u0000 \\\\ \\" \'", "b": {} }',
          metadata: '{"by":"Zoë, {1,2}"}',
        },
        { ...event(2), data: 'null', metadata: '' },
        { ...event(3), data: '[]', metadata: ' "NULL" ' },
      ];
      await log.append(named('a'), NO_STREAM, odd);
      const kept = (await all(log.read(named('a')))).map(({ id, type, data, metadata }) => ({
        id,
        type,
        data,
        metadata,
      }));
      expect(kept).toEqual(odd);
    });

    it('refuses an append at any other revision, and names the actual one', async () => {
      await expect(log.append(named('a'), 0, [event(1)])).rejects.toEqual(
        new WrongExpectedRevision(named('a'), 0, NO_STREAM),
      );
      await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      await expect(log.append(named('a'), NO_STREAM, [event(9)])).rejects.toEqual(
        new WrongExpectedRevision(named('a'), NO_STREAM, 1),
      );
      await expect(log.append(named('a'), 0, [event(9)])).rejects.toEqual(new WrongExpectedRevision(named('a'), 0, 1));
      await expect(log.append(named('a'), 7, [event(9)])).rejects.toEqual(new WrongExpectedRevision(named('a'), 7, 1));
      expect(await all(log.read(named('a')))).toHaveLength(2);
    });

    it('returns the first answer for a repeated append, and writes nothing', async () => {
      const first = await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      expect(await log.append(named('a'), NO_STREAM, [event(1), event(2)])).toEqual(first);
      await log.append(named('a'), 1, [event(3)]);
      await log.append(named('b'), NO_STREAM, [event(4)]);
      expect(await log.append(named('a'), NO_STREAM, [event(1), event(2)])).toEqual(first);
      expect(await all(log.readAll(start, ours()))).toHaveLength(4);
    });

    it('refuses a repetition with only a part of the same events', async () => {
      await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      await expect(log.append(named('a'), NO_STREAM, [event(1), event(9)])).rejects.toBeInstanceOf(
        WrongExpectedRevision,
      );
      await expect(log.append(named('a'), NO_STREAM, [event(1), event(2), event(3)])).rejects.toBeInstanceOf(
        WrongExpectedRevision,
      );
      expect((await all(log.read(named('a')))).map((each) => each.id)).toEqual([id(1), id(2)]);
    });

    it('writes all events of an append or none', async () => {
      await log.append(named('a'), NO_STREAM, [event(1)]);
      await expect(log.append(named('a'), NO_STREAM, [event(2), event(3)])).rejects.toBeInstanceOf(
        WrongExpectedRevision,
      );
      expect((await all(log.readAll(start, ours()))).map((each) => each.id)).toEqual([id(1)]);
    });

    it('refuses an append that exceeds the limit, or that no log can store', async () => {
      const metadata = '{}';
      const full = 'x'.repeat(MAX_APPEND_BYTES - metadata.length);
      await expect(log.append(named('a'), NO_STREAM, [{ ...event(1), data: `${full}x`, metadata }])).rejects.toEqual(
        new AppendTooLarge(named('a'), MAX_APPEND_BYTES + 1),
      );
      await log.append(named('a'), NO_STREAM, [{ ...event(1), data: full, metadata }]);
      expect((await all(log.read(named('a'))))[0]?.data).toHaveLength(full.length);
      const impossible: [string, number, NewEvent[]][] = [
        [named('a'), 0, []],
        [named('a'), -2, [event(2)]],
        [named('a'), 0, [{ ...event(2), data: '"\0"' }]],
        [named('a'), 0, [{ ...event(2), data: '"\ud800"' }]],
        [named('a'), 0, [{ ...event(2), id: '2' }]],
        ['$system', NO_STREAM, [event(2)]],
      ];
      for (const [stream, expected, events] of impossible) {
        await expect(log.append(stream, expected, events)).rejects.toBeInstanceOf(InvalidAppend);
      }
    });

    it('reads all streams in one global order, after a position, by stream and by type', async () => {
      await log.append(named('a'), NO_STREAM, [event(1, 'Opened')]);
      const second = await log.append(named('b'), NO_STREAM, [event(2, 'Opened')]);
      await log.append(named('a'), 0, [event(3, 'Closed'), event(4, 'Opened')]);
      const ids = async (after: number, filter?: Parameters<EventLog['readAll']>[1]): Promise<string[]> =>
        (await all(log.readAll(after, filter)))
          .filter(({ stream }) => stream.startsWith(prefix))
          .map((each) => each.id);
      expect(await ids(start)).toEqual([id(1), id(2), id(3), id(4)]);
      expect(await ids(second.position)).toEqual([id(3), id(4)]);
      expect(await ids(await log.head())).toEqual([]);
      expect(await ids(start, { streamPrefixes: [named('a'), named('c')] })).toEqual([id(1), id(3), id(4)]);
      expect(await ids(start, { types: ['Closed'] })).toEqual([id(3)]);
      expect(await ids(start, { types: ['Opened'], streamPrefixes: [named('a')] })).toEqual([id(1), id(4)]);
      expect(await ids(start, { types: [] })).toEqual([]);
    });

    it('has its head at the last event', async () => {
      const { position } = await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      expect(await log.head()).toBe(position);
      if (test.dense) expect(position).toBe(start + 2);
    });

    it('reads the events at positions, in order, and skips positions without one', async () => {
      await log.append(named('a'), NO_STREAM, [event(1), event(2)]);
      const { position: third } = await log.append(named('b'), NO_STREAM, [event(3)]);
      const [first] = await all(log.readAll(start, ours()));
      if (first === undefined) throw new Error('the log has the first event');
      expect((await all(log.readAt([third, first.position, third]))).map((each) => each.id)).toEqual([id(1), id(3)]);
      expect(await all(log.readAt([third + 1_000_000]))).toEqual([]);
      expect(await all(log.readAt([]))).toEqual([]);
    });

    it('tells an event at a position by its id and when it was recorded', async () => {
      const { position } = await log.append(named('a'), NO_STREAM, [event(1)]);
      const [stored] = await all(log.readAt([position]));
      expect(await log.stampAt(position)).toMatchObject({ id: id(1), recordedAt: stored?.recordedAt });
      expect(await log.stampAt(position + 1_000_000)).toBeUndefined();
    });

    it('knows the position of an instant: of the last event recorded at or before it', async () => {
      for (let i = 0; i < 5; i += 1) await log.append(named('a'), i - 1, [event(i)]);
      const events = await all(log.readAll(start, ours()));
      for (const { recordedAt } of events) {
        // An instant includes all of its events.
        expect(await log.positionAt(recordedAt)).toBe(
          events.findLast((each) => each.recordedAt === recordedAt)?.position,
        );
      }
      const [first] = events;
      if (first === undefined) throw new Error('the log has five events');
      const before = await log.positionAt(fromMicros(micros(first.recordedAt) - 1n));
      expect(before).toBeLessThanOrEqual(start);
      if (start === 0) expect(before).toBe(0);
      expect(await log.positionAt(instant('9999-12-31T23:59:59Z'))).toBe(await log.head());
    });

    it('gives 20 parallel writers and a reader one order without gaps', async () => {
      const writers = Array.from({ length: 20 }, (_, writer) => writer);
      const stop = new AbortController();
      const seen = take(log.subscribe(start, { signal: stop.signal, filter: ours() }), 100);
      await Promise.all(
        writers.map(async (writer) => {
          for (let i = 0; i < 5; i += 1) await log.append(named(`w${writer}`), i - 1, [event(writer * 5 + i)]);
        }),
      );
      const events = await seen;
      stop.abort();
      expect(events).toEqual(await all(log.readAll(start, ours())));
      expect(new Set(events.map((each) => each.id)).size).toBe(100);
      for (const writer of writers) {
        expect(events.filter(({ stream }) => stream === named(`w${writer}`)).map((each) => each.revision)).toEqual([
          0, 1, 2, 3, 4,
        ]);
      }
      const positions = events.map((each) => each.position);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      if (test.dense) expect(positions).toEqual(positions.map((_, i) => start + 1 + i));
    });

    it('lets exactly one of several writers win a race for a revision', async () => {
      const race = Array.from({ length: 10 }, (_, i) => log.append(named('a'), NO_STREAM, [event(i)]));
      const lost = (await Promise.allSettled(race))
        .filter((result) => result.status === 'rejected')
        .map(({ reason }) => reason as unknown);
      expect(lost).toEqual(Array.from({ length: 9 }, () => new WrongExpectedRevision(named('a'), NO_STREAM, 0)));
      expect(await all(log.read(named('a')))).toHaveLength(1);
    });

    it('records instants that never go back', async () => {
      for (let i = 0; i < 20; i += 1) await log.append(named(`s${i % 3}`), Math.floor(i / 3) - 1, [event(i)]);
      const times = (await all(log.readAll(start, ours()))).map((each) => each.recordedAt);
      expect(times).toHaveLength(20);
      expect(times.filter((each) => !isInstant(each))).toEqual([]);
      expect(times).toEqual([...times].sort(compareInstants));
    });

    it('delivers existing events to a subscriber, then new ones, until it stops', async () => {
      const first = await log.append(named('a'), NO_STREAM, [event(1, 'Opened')]);
      await log.append(named('a'), 0, [event(2, 'Closed')]);
      const stop = new AbortController();
      const types = ['Opened'];
      const every = log.subscribe(start, { signal: stop.signal, filter: ours() })[Symbol.asyncIterator]();
      const some = log
        .subscribe(first.position, { signal: stop.signal, filter: { ...ours(), types } })
        [Symbol.asyncIterator]();
      expect([await next(every), await next(every)]).toEqual([id(1), id(2)]);
      const live = [next(every), next(some)];
      await turn();
      await log.append(named('b'), NO_STREAM, [event(3, 'Opened'), event(4, 'Closed'), event(5, 'Opened')]);
      expect(await Promise.all(live)).toEqual([id(3), id(3)]);
      expect([await next(every), await next(every), await next(some)]).toEqual([id(4), id(5), id(5)]);
      const waiting = [next(every), next(some)];
      stop.abort();
      expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    });

    it('lets a subscriber stop while more events follow', async () => {
      await log.append(
        named('a'),
        NO_STREAM,
        Array.from({ length: 50 }, (_, i) => event(i)),
      );
      const stop = new AbortController();
      for await (const each of log.subscribe(start, { signal: stop.signal })) {
        expect(each.position).toBeGreaterThan(start);
        break;
      }
      const seen: string[] = [];
      for await (const each of log.subscribe(start, { signal: stop.signal, filter: ours() })) {
        seen.push(each.id);
        if (seen.length === 2) stop.abort();
      }
      expect(seen).toEqual([id(0), id(1)]);
    });

    it('answers any sequence of appends as the log in memory does', async () => {
      const appends = fc.array(
        fc.record({
          stream: fc.constantFrom('x', 'y', 'z'),
          expected: fc.integer({ min: -1, max: 3 }),
          ids: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 2 }),
        }),
        { minLength: 1, maxLength: 25 },
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(appends, async (sequence) => {
          const model = new MemoryLog(() => fromMicros(0n));
          run += 1;
          const before = await log.head();
          for (const { stream, expected, ids } of sequence) {
            const append = (to: EventLog): Promise<Appended> =>
              to.append(
                named(`${run}${stream}`),
                expected,
                ids.map((n) => event(n)),
              );
            const [real, wanted] = [await outcome(append(log)), await outcome(append(model))];
            expect({ ...real, position: 0 }).toEqual({ ...wanted, position: 0 });
            if (test.dense && real.position !== undefined) expect(real.position - before).toBe(wanted.position);
          }
          expect((await all(log.readAll(before, ours()))).map(comparable)).toEqual(
            (await all(model.readAll(0))).map(comparable),
          );
        }),
        { numRuns: 15, seed: 20260401 },
      );
    });
  });
}

/** The behaviour of every log when its connections break. */
export function droppedConnectionsContract(name: string, makeLog: () => Promise<DroppableLog>): void {
  describe(`${name} survives broken connections:`, () => {
    let test: DroppableLog;
    let log: EventLog;
    let start: number;

    beforeEach(async () => {
      test = await makeLog();
      log = test.log;
      start = await log.head();
    });
    afterEach(async () => {
      await log.close();
      await test.close();
    });

    it('continues a subscription after dropped connections, with no event twice or missing', async () => {
      const stop = new AbortController();
      const seen = log.subscribe(start, { signal: stop.signal })[Symbol.asyncIterator]();
      for (let i = 0; i < 6; i += 1) {
        await retried(() => log.append('a', i - 1, [event(i)]));
        if (i % 2 === 0) await test.dropConnections();
        expect(await next(seen)).toBe(id(i));
      }
      await test.dropConnections();
      await retried(() => log.append('a', 5, [event(6), event(7)]));
      expect([await next(seen), await next(seen)]).toEqual([id(6), id(7)]);
      stop.abort();
      expect(await next(seen)).toBeUndefined();
      expect(await all(log.readAll(start))).toHaveLength(8);
    });

    it('records each event once if many writers lose their connections and retry', async () => {
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; i < 10; i += 1) await retried(() => log.append(`w${writer}`, i - 1, [event(writer * 10 + i)]));
      });
      const drops = (async (): Promise<void> => {
        for (let i = 0; i < 3; i += 1) await test.dropConnections();
      })();
      await Promise.all([...writers, drops]);
      const ids = (await all(log.readAll(start))).map((each) => each.id);
      expect(ids.sort()).toEqual(Array.from({ length: 80 }, (_, i) => id(i)));
    });
  });
}

export const id = (n: number): string => `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`;
/** The n-th event of a test. */
export const event = (n: number, type = 'Happened'): NewEvent => ({
  id: id(n),
  type,
  data: `{"n":${n}}`,
  metadata: '{}',
});
const comparable = ({ id, stream, revision, data }: StoredEvent): object => ({ id, stream, revision, data });

export async function all<Item = StoredEvent>(events: AsyncIterable<Item>): Promise<Item[]> {
  const seen: Item[] = [];
  for await (const each of events) seen.push(each);
  return seen;
}

async function take(events: AsyncIterable<StoredEvent>, count: number): Promise<StoredEvent[]> {
  const seen: StoredEvent[] = [];
  for await (const each of events) if (seen.push(each) === count) break;
  return seen;
}

/** The id of the next event. undefined at the end. */
async function next(events: AsyncIterator<StoredEvent>): Promise<string | undefined> {
  const result = await events.next();
  return result.done === true ? undefined : result.value.id;
}

/** As the port requires: an append with an unknown outcome is made again, with the same ids and revision. */
export async function retried(append: () => Promise<Appended>): Promise<Appended> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await append();
    } catch (error) {
      if (!(error instanceof UnknownOutcome) || attempt === 20) throw error;
    }
  }
}

async function outcome(append: Promise<Appended>): Promise<{ revision?: number; position?: number; actual?: number }> {
  try {
    return await append;
  } catch (error) {
    if (!(error instanceof WrongExpectedRevision)) throw error;
    return { actual: error.actual };
  }
}
