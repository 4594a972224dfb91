import { isStorable } from '#domain/storable';
import { LONGEST_NAME } from '#domain/stream-name';
import { AppendTooLarge, MAX_APPEND_BYTES, NO_STREAM, type NewEvent } from './port.js';

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** One append as the adapters hand it on, its size known. */
export interface Append {
  readonly stream: string;
  readonly expectedRevision: number;
  readonly events: readonly NewEvent[];
  readonly bytes: number;
}

/** An append that no log could take: a defect of the caller, not a matter of what the log holds. */
export class InvalidAppend extends Error {
  override readonly name = 'InvalidAppend';
}

/**
 * The guards that all adapters share, so that an append refused by one is refused by each of them, and so that nothing
 * in it can make a database refuse the batch that it shares with others.
 */
export function checkedAppend(stream: string, expectedRevision: number, events: readonly NewEvent[]): Append {
  // EventStoreDB keeps `$` for its own streams and types, and readAll leaves those out.
  if (!isName(stream)) throw new InvalidAppend(`${JSON.stringify(stream)} can't name a stream`);
  if (!Number.isSafeInteger(expectedRevision) || expectedRevision < NO_STREAM) {
    throw new InvalidAppend(`${expectedRevision} is no revision that stream ${stream} could be at`);
  }
  if (events.length === 0) throw new InvalidAppend(`an append to ${stream} needs at least one event`);
  let bytes = 0;
  for (const event of events) {
    // Only the canonical form: Postgres would give any other back in lower case.
    if (!CANONICAL_UUID.test(event.id))
      throw new InvalidAppend(`${stream}: ${JSON.stringify(event.id)} is not a UUID in lower case`);
    if (!isName(event.type))
      throw new InvalidAppend(`${stream}: ${JSON.stringify(event.type)} can't name an event type`);
    if (!isStorable(event.data) || !isStorable(event.metadata)) {
      throw new InvalidAppend(
        `${stream}: event ${event.id} holds a NUL or half a surrogate pair, whose bytes can't be kept`,
      );
    }
    bytes += Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata);
  }
  if (bytes > MAX_APPEND_BYTES) throw new AppendTooLarge(stream, bytes);
  return { stream, expectedRevision, events, bytes };
}

const isName = (name: string): boolean =>
  name !== '' && name.length <= LONGEST_NAME && !name.startsWith('$') && isStorable(name);
