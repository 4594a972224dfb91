import { invalid } from '#domain/errors';
import type { Observation } from '#domain/usage/usage';
import { MAX_APPEND_BYTES } from '#event-store/port';

/** In bytes: a reading has an append of its own, with room for its key and metadata. */
const LARGEST_READING = MAX_APPEND_BYTES - 32 * 1024;

/** Tells why a reading is not taken: its free attributes make it too large for an event. null: it fits. */
export function tooLarge({ attributes, subAttribution }: Observation): string | null {
  // Without free attributes, a reading is far below the limit.
  if (attributes === undefined && subAttribution === undefined) return null;
  const bytes = Buffer.byteLength(JSON.stringify([attributes, subAttribution]));
  return bytes <= LARGEST_READING
    ? null
    : `the reading has ${bytes} bytes. One event takes at most ${LARGEST_READING}: shorten its attributes`;
}

/** Errors: `event_too_large`, with every reading that is too large. */
export function assertFits(readings: readonly Observation[]): void {
  const errors = readings.flatMap((reading, index) => {
    const message = tooLarge(reading);
    return message === null ? [] : [{ field: `observations[${index}]`, message }];
  });
  const [first] = errors;
  if (first !== undefined) throw invalid('event_too_large', `${first.field}: ${first.message}`, errors);
}
