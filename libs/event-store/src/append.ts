import { isStorable } from '#domain/storable';
import { LONGEST_NAME } from '#domain/stream-name';
import { AppendTooLarge, MAX_APPEND_BYTES, NO_STREAM, type NewEvent } from './port.js';

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** One append, with its size in bytes. The adapters pass it on. */
export interface Append {
  readonly stream: string;
  readonly expectedRevision: number;
  readonly events: readonly NewEvent[];
  readonly bytes: number;
}

/** An append that no log can store: a defect of the caller. */
export class InvalidAppend extends Error {
  override readonly name = 'InvalidAppend';
}

/**
 * The checks that all adapters share: all of them refuse the same appends. An append that passes contains nothing that
 * makes a database refuse the whole batch.
 */
export function checkedAppend(stream: string, expectedRevision: number, events: readonly NewEvent[]): Append {
  // EventStoreDB reserves `$` for system streams and types, and readAll skips them.
  if (!isName(stream)) throw new InvalidAppend(`${JSON.stringify(stream)} can't name a stream`);
  if (!Number.isSafeInteger(expectedRevision) || expectedRevision < NO_STREAM) {
    throw new InvalidAppend(`${expectedRevision} is not a possible revision of stream ${stream}`);
  }
  if (events.length === 0) throw new InvalidAppend(`an append to ${stream} must have at least one event`);
  let bytes = 0;
  for (const event of events) {
    // Only the canonical form: Postgres returns any other form in lower case.
    if (!CANONICAL_UUID.test(event.id))
      throw new InvalidAppend(`${stream}: ${JSON.stringify(event.id)} is not a UUID in lower case`);
    if (!isName(event.type))
      throw new InvalidAppend(`${stream}: ${JSON.stringify(event.type)} is not a valid event type`);
    if (!isStorable(event.data) || !isStorable(event.metadata)) {
      throw new InvalidAppend(
        `${stream}: event ${event.id} contains a NUL or half a surrogate pair, which can't be stored`,
      );
    }
    bytes += Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata);
  }
  if (bytes > MAX_APPEND_BYTES) throw new AppendTooLarge(stream, bytes);
  return { stream, expectedRevision, events, bytes };
}

const isName = (name: string): boolean =>
  name !== '' && name.length <= LONGEST_NAME && !name.startsWith('$') && isStorable(name);
