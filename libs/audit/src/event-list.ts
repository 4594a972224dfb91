import { lastInstantBefore, type Instant } from '#domain/time/instant';
import { passes } from '#event-store/filter';
import { type EventLog, NO_STREAM, type StoredEvent } from '#event-store/port';

/** Which events of the log a list has. undefined: any. */
export interface EventsWanted {
  readonly stream?: string | undefined;
  readonly type?: string | undefined;
  readonly actor?: string | undefined;
  /** Recorded at this instant or later. */
  readonly start?: Instant | undefined;
  /** Recorded before this instant. */
  readonly end?: Instant | undefined;
}

/** Positions after the first, up to and with the last. */
interface Positions {
  readonly after: number;
  readonly upTo: number;
}

/** The first `count` wanted events within positions, from the oldest or from the newest on. */
export async function eventsOf(
  log: EventLog,
  wanted: EventsWanted,
  within: Positions,
  { isNewestFirst, count }: { readonly isNewestFirst: boolean; readonly count: number },
): Promise<StoredEvent[]> {
  const range = await recordedWithin(log, wanted, within);
  const found = isNewestFirst ? backwards(log, wanted, range, count) : forwards(log, wanted, range, count);
  const first: StoredEvent[] = [];
  for await (const event of found) if (first.push(event) === count) break;
  return first;
}

/** The log is in the order of recording, so instants are positions. */
async function recordedWithin(
  log: EventLog,
  { start, end }: EventsWanted,
  { after, upTo }: Positions,
): Promise<Positions> {
  const upToInstant = async (at: Instant): Promise<number> => log.positionAt(lastInstantBefore(at));
  return {
    after: start === undefined ? after : Math.max(after, await upToInstant(start)),
    upTo: end === undefined ? upTo : Math.min(upTo, await upToInstant(end)),
  };
}

const filterOf = ({ type, actor }: EventsWanted) => ({
  ...(type === undefined ? {} : { types: [type] }),
  ...(actor === undefined ? {} : { actors: [actor] }),
});

const isFiltered = ({ type, actor }: EventsWanted): boolean => type !== undefined || actor !== undefined;

async function* forwards(
  log: EventLog,
  wanted: EventsWanted,
  { after, upTo }: Positions,
  count: number,
): AsyncIterable<StoredEvent> {
  const { stream } = wanted;
  const events =
    stream !== undefined
      ? log.read(stream)
      : isFiltered(wanted)
        ? log.readAll(after, filterOf(wanted))
        : // Positions have no gaps: without a filter, the next events are at the next positions.
          log.readAt(numbersUpTo({ after, upTo: Math.min(upTo, after + count) }));
  const isWanted = passing(wanted);
  for await (const event of events) {
    if (event.position > upTo) return;
    if (event.position > after && isWanted(event)) yield event;
  }
}

/** In steps of the log, each larger than the one after it, so that neither a common nor a rare event takes long. */
const GROWTH = 4;
const MOST_STEP = 20_000;

async function* backwards(
  log: EventLog,
  wanted: EventsWanted,
  { after, upTo }: Positions,
  count: number,
): AsyncIterable<StoredEvent> {
  const { stream } = wanted;
  const isWanted = passing(wanted);
  const last = stream === undefined ? upTo : await log.revisionOf(stream);
  const first = stream === undefined ? after : NO_STREAM;
  for (let end = last, step = count; end > first; end -= step, step = Math.min(MOST_STEP, step * GROWTH)) {
    const start = Math.max(first, end - step);
    const events =
      stream === undefined ? inStep(log, wanted, { after: start, upTo: end }) : log.read(stream, start + 1);
    const found: StoredEvent[] = [];
    for await (const event of events) {
      if (stream === undefined ? event.position > end : event.revision > end) break;
      if (event.position > after && event.position <= upTo && isWanted(event)) found.push(event);
    }
    yield* found.toReversed();
  }
}

const inStep = (log: EventLog, wanted: EventsWanted, { after, upTo }: Positions): AsyncIterable<StoredEvent> =>
  isFiltered(wanted) ? log.readAll(after, filterOf(wanted)) : log.readAt(numbersUpTo({ after, upTo }));

const numbersUpTo = ({ after, upTo }: Positions): number[] =>
  Array.from({ length: Math.max(0, upTo - after) }, (_, index) => after + 1 + index);

/** A stream is read without a filter. */
function passing(wanted: EventsWanted): (event: StoredEvent) => boolean {
  const filter = filterOf(wanted);
  return (event) => passes(event, filter);
}
