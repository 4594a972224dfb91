import type { RecordedEvent } from '#domain/events';
import { type Message, MESSAGE_EVENTS, messagesOf, messagesOfMarked } from './message.js';
import { EventCodec } from '#event-store/codec';
import type { LedgerCore } from '#ledger/ledger-core';
import { readMarksOfEvents } from '#projections/restatements/restatements.read';

const codec = new EventCodec();
/** A message names so many lines. */
const MOST_LINES = 100;

/** Messages in the order of the log, and the position up to which none is missing. */
export interface Messages {
  readonly messages: readonly Message[];
  readonly position: number;
}

/**
 * The messages of events after one position, up to another that is projected: of at most `count` events. They follow
 * from the log alone, so that nothing is forgotten and a new reader may begin in the past.
 */
export async function readMessages(
  { log, db }: Pick<LedgerCore, 'log' | 'db'>,
  { after, upTo, count }: { readonly after: number; readonly upTo: number; readonly count: number },
): Promise<Messages> {
  const events: RecordedEvent[] = [];
  for await (const stored of log.readAll(after, { types: MESSAGE_EVENTS })) {
    if (stored.position > upTo) break;
    events.push(codec.decode(stored));
    if (events.length === count) break;
  }
  const position = events.length === count ? (events.at(-1)?.position ?? upTo) : upTo;
  const messages = [...events.flatMap(messagesOf), ...(await messagesOfMarks({ log, db }, after, position))];
  return { messages: messages.sort((a, b) => a.position - b.position), position };
}

async function messagesOfMarks(
  { log, db }: Pick<LedgerCore, 'log' | 'db'>,
  after: number,
  upTo: number,
): Promise<Message[]> {
  const marks = await readMarksOfEvents(db, { after, upTo, mostIds: MOST_LINES });
  const positions = [...new Set(marks.map(({ marked_at }) => marked_at))];
  const events = new Map<number, RecordedEvent>();
  for await (const stored of log.readAt(positions)) events.set(stored.position, codec.decode(stored));
  return marks.flatMap((row) => {
    const event = events.get(row.marked_at);
    if (event === undefined) return [];
    const { id, position, recordedAt, type } = event;
    return messagesOfMarked({
      ...{ id, position, recordedAt, tenantId: row.tenant_id },
      ...{ lineIds: row.line_ids, lineCount: row.lines, isUsage: type.startsWith('Usage') },
    });
  });
}
