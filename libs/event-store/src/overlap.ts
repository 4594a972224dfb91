import { STREAM_KINDS } from '#domain/stream-name';
import type { EventStoreDbLog } from './eventstoredb.js';
import type { StoredEvent } from './port.js';

/** Another ledger on the server has streams that this one would take for its own, or the other way round. */
class OverlappingPrefixes extends Error {
  override readonly name = 'OverlappingPrefixes';
  constructor(own: string, other: string) {
    super(
      `another ledger on this server has the prefix ${JSON.stringify(other)}, and this one ${JSON.stringify(own)}: ` +
        'the prefixes overlap. Set EVENT_STORE_PREFIX to a prefix that ' +
        'does not begin so, such as "acme-ledger-"',
    );
  }
}

/**
 * Looks for another ledger, of which the first event is enough. Only a ledger without events needs it: of two, the
 * later one is refused. Errors: OverlappingPrefixes; those of the log.
 */
export async function assertNoOverlap(
  log: Pick<EventStoreDbLog, 'prefix' | 'firstOfAny'>,
  isKnown: (type: string) => boolean,
): Promise<void> {
  const { prefix } = log;
  const shorter = [...prefix.matchAll(/[._-]/g)].map(({ index }) => prefix.slice(0, index + 1)).slice(0, -1);
  const around =
    shorter.length === 0
      ? undefined
      : await log.firstOfAny(shorter.flatMap((each) => STREAM_KINDS.map((kind) => `${each}${kind}-`)));
  for (const event of [await log.firstOfAny([prefix]), around]) {
    const other = event === undefined || !isKnown(event.type) ? undefined : prefixOf(event, prefix);
    if (other !== undefined && other !== prefix) throw new OverlappingPrefixes(prefix, other);
  }
}

/** What stands before the kind of a stream. A stream of this ledger has its prefix there, whatever ids it has. */
function prefixOf({ stream }: Pick<StoredEvent, 'stream'>, own: string): string | undefined {
  if (STREAM_KINDS.some((kind) => stream.startsWith(`${own}${kind}-`))) return own;
  const at = stream.search(NEXT_KIND);
  return at === -1 ? undefined : stream.slice(0, at + 1);
}
const NEXT_KIND = new RegExp(`[._-](${STREAM_KINDS.join('|')})-`);
