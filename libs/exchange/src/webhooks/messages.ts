import type { RecordedEvent } from '#domain/events';
import { EventCodec } from '#event-store/codec';
import type { LedgerCore } from '#ledger/ledger-core';
import { readInvoices } from '#projections/invoices/invoices.read';
import { readMarkingEvents, readMarksOfEvents } from '#projections/restatements/restatements.read';
import { skippedPositions } from '#read-model/skips';
import { addressedInvoice, type Message, MESSAGE_EVENTS, messagesOf, messagesOfMarked, withPayer } from './message.js';

const codec = new EventCodec();
/** A message names so many lines. */
const MOST_LINES = 100;

/** Messages in the order of the log, and the position up to which none is missing. */
export interface Messages {
  readonly messages: readonly Message[];
  readonly position: number;
}

/** Which events messages are made of. */
interface Asked {
  readonly after: number;
  /** It is projected. */
  readonly upTo: number;
  /** The most events of each of the two kinds: those with messages of their own, and those that mark lines. */
  readonly count: number;
  /** Of lines of this tenant only. null: of all tenants. */
  readonly tenantId: string | null;
}

/**
 * The messages of events after one position. They follow from the log alone, so that nothing is forgotten and a new
 * reader may begin in the past. An event that was skipped has none: the read models do not have it.
 */
export async function readMessages(core: Pick<LedgerCore, 'log' | 'db'>, asked: Asked): Promise<Messages> {
  const { log, db } = core;
  const { after, upTo, count } = asked;
  const marking = await readMarkingEvents(db, { after, upTo, count });
  const skipped = await skippedPositions(log);
  const events: RecordedEvent[] = [];
  let last = upTo;
  for await (const stored of log.readAll(after, { types: MESSAGE_EVENTS })) {
    if (stored.position > upTo) break;
    if (skipped.has(stored.position)) continue;
    events.push(codec.decode(stored));
    last = stored.position;
    if (events.length === count) break;
  }
  const position = Math.min(
    events.length === count ? last : upTo,
    marking.length === count ? (marking.at(-1) ?? upTo) : upTo,
  );
  const messages = [
    ...(await addressed(db, upTo, events.filter((event) => event.position <= position).flatMap(messagesOf))),
    ...(await messagesOfMarks(core, { ...asked, upTo: position })),
  ];
  return { messages: messages.sort((a, b) => a.position - b.position), position };
}

/** With the payers of the invoices that they are about. An invoice keeps the payer that it was issued to. */
async function addressed(db: LedgerCore['db'], position: number, messages: readonly Message[]): Promise<Message[]> {
  const ids = new Set(messages.map(addressedInvoice).filter((id) => id !== null));
  const invoices = ids.size === 0 ? [] : await readInvoices(db, position, [...ids]);
  const payers = new Map(invoices.map((row) => [row.invoice_id, row.payer_id]));
  return messages.map((message) => withPayer(message, payers));
}

async function messagesOfMarks(
  { log, db }: Pick<LedgerCore, 'log' | 'db'>,
  { after, upTo, tenantId }: Asked,
): Promise<Message[]> {
  const marks = await readMarksOfEvents(db, { after, upTo, tenantId, mostIds: MOST_LINES });
  const positions = [...new Set(marks.map(({ marked_at }) => marked_at))];
  const events = new Map<number, Pick<RecordedEvent, 'id' | 'recordedAt' | 'type'>>();
  // Usage events are large: only what is needed of each stays in memory.
  for await (const { position, id, recordedAt, type } of log.readAt(positions))
    events.set(position, { id, recordedAt, type: type as RecordedEvent['type'] });
  return marks.flatMap((row) => {
    const event = events.get(row.marked_at);
    if (event === undefined) return [];
    const { id, recordedAt, type } = event;
    return messagesOfMarked({
      ...{ id, position: row.marked_at, recordedAt, tenantId: row.tenant_id },
      ...{ lineIds: row.line_ids, lineCount: row.lines, isLate: type === 'UsageObserved' },
    });
  });
}
