import type { EventStoreDbLog } from './eventstoredb.js';
import type { ServerEvent } from './eventstoredb.record.js';
import type { StoredEvent } from './port.js';
import type { PostgresLog } from './postgres.js';

/** What EventStoreDB and its mirror do not agree on, for one stream. */
export interface MirrorDifference {
  readonly code: DifferenceCode;
  readonly stream: string;
  /** The revisions concerned. null: the whole stream. */
  readonly revisions: { readonly first: number; readonly last: number; readonly count: number } | null;
  /** The position of the first event concerned, in the mirror. null: the mirror does not have it. */
  readonly position: number | null;
  readonly message: string;
  readonly remedy: string;
}

type DifferenceCode =
  | 'server_set_back'
  | 'removed_from_server'
  | 'changed_on_server'
  | 'missing_in_mirror'
  | 'lost_before_copy'
  | 'stream_deleted'
  | 'not_compared';

const REMEDIES: Readonly<Record<DifferenceCode, string>> = {
  server_set_back:
    'The server was set back, or EVENT_STORE_URL names another one. Restore the server from a later backup. Until' +
    ' then the mirror in Postgres is the only copy: back it up.',
  removed_from_server:
    'The mirror in Postgres is the only copy: back it up. Find out who deleted, truncated or scavenged the stream,' +
    ' and forbid it by the ACL of the stream ("$d", "$mw").',
  changed_on_server:
    'Compare both with a backup. An event never changes: one of the two was tampered with, or the server was restored.',
  missing_in_mirror:
    'Rebuild the mirror: give the ledger an empty database and start it, then compare with the old one.',
  lost_before_copy: 'Restore the server from a backup that has these events, and give the ledger an empty database.',
  stream_deleted:
    'Nothing can be appended to this stream any more. Restore the server from a backup that has it, or go on without' +
    ' it.',
  not_compared: 'Run "ledgerline check" or "ledgerline verify", which have no time limit.',
};

/** At most this many streams are listed for each kind of difference. */
const MOST_STREAMS = 20;

/**
 * Reads the whole log of the server, and compares it event by event with what the mirror has copied. Events that are
 * not copied yet do not count. Takes as long as reading the log from the server; `signal` ends it earlier, and
 * the rest counts as not compared.
 */
export async function compareWithServer(
  server: EventStoreDbLog,
  mirror: PostgresLog,
  signal?: AbortSignal,
): Promise<MirrorDifference[]> {
  const upTo = await mirror.lastSourcePosition();
  const [found, end] = [new Differences(), await server.end()];
  const copies = copiesUpTo(mirror, upTo)[Symbol.asyncIterator]();
  let copy = await copies.next();
  const removed = (): void => {
    if (copy.done === true) return;
    const { event, sourcePosition } = copy.value;
    found.add(sourcePosition > end ? 'server_set_back' : 'removed_from_server', event, event.position);
  };
  for await (const { position, event } of server.recorded({ upTo })) {
    if (signal?.aborted === true) {
      if (copy.done !== true) found.add('not_compared', copy.value.event, copy.value.event.position);
      return found.list();
    }
    while (copy.done !== true && copy.value.sourcePosition < position) {
      removed();
      copy = await copies.next();
    }
    if (copy.done === true || copy.value.sourcePosition > position) {
      found.add('missing_in_mirror', event, null);
      continue;
    }
    if (!isSame(event, copy.value.event)) found.add('changed_on_server', event, copy.value.event.position);
    copy = await copies.next();
  }
  for (; copy.done !== true; copy = await copies.next()) removed();
  for (const { stream, revisions, position } of await mirror.removals())
    found.addRange(revisions === null ? 'stream_deleted' : 'lost_before_copy', stream, revisions, position);
  return found.list();
}

/** What is copied meanwhile does not count. */
async function* copiesUpTo(mirror: PostgresLog, upTo: number): ReturnType<PostgresLog['copies']> {
  for await (const copy of mirror.copies()) if (copy.sourcePosition <= upTo) yield copy;
}

const isSame = (event: ServerEvent['event'], copy: StoredEvent): boolean =>
  event.id === copy.id &&
  event.stream === copy.stream &&
  event.revision === copy.revision &&
  event.type === copy.type &&
  event.data === copy.data &&
  event.metadata === copy.metadata;

class Differences {
  private readonly byCode = new Map<DifferenceCode, Map<string, Omit<MirrorDifference, 'message' | 'remedy'>>>();

  add(code: DifferenceCode, { stream, revision }: StoredEvent, position: number | null): void {
    this.addRange(code, stream, { first: revision, last: revision }, position);
  }

  addRange(
    code: DifferenceCode,
    stream: string,
    range: { readonly first: number; readonly last: number } | null,
    position: number | null,
  ): void {
    const streams = this.byCode.get(code) ?? new Map<string, Omit<MirrorDifference, 'message' | 'remedy'>>();
    this.byCode.set(code, streams);
    const known = streams.get(stream);
    const count = range === null ? 0 : range.last - range.first + 1;
    const revisions =
      range === null
        ? null
        : {
            first: known?.revisions?.first ?? range.first,
            last: range.last,
            count: (known?.revisions?.count ?? 0) + count,
          };
    streams.set(stream, { code, stream, revisions, position: known?.position ?? position });
  }

  list(): MirrorDifference[] {
    return [...this.byCode].flatMap(([code, streams]) =>
      [...streams.values()].slice(0, MOST_STREAMS).map((each, index) => {
        const more = streams.size - MOST_STREAMS;
        const others = index === MOST_STREAMS - 1 && more > 0 ? ` The same holds for ${more} more streams.` : '';
        return { ...each, message: `${messageOf(each)}${others}`, remedy: REMEDIES[code] };
      }),
    );
  }
}

function messageOf({ code, stream, revisions, position }: Omit<MirrorDifference, 'message' | 'remedy'>): string {
  if (code === 'not_compared')
    return `EventStoreDB was compared with the mirror up to position ${(position ?? 1) - 1}. Then the time was up.`;
  if (revisions === null) return `EventStoreDB permanently deleted the stream ${stream}.`;
  const { first, last, count } = revisions;
  const which = first === last ? `revision ${first}` : `${count} events from revision ${first} to ${last}`;
  const from = position === null ? '' : ` (from position ${position} on)`;
  if (code === 'server_set_back') return `EventStoreDB ends before ${which} of ${stream}${from}, which the mirror has.`;
  if (code === 'removed_from_server') return `EventStoreDB lacks ${which} of ${stream}${from}, which the mirror has.`;
  if (code === 'changed_on_server')
    return `EventStoreDB has other bytes than the mirror at ${which} of ${stream}${from}.`;
  if (code === 'missing_in_mirror') return `The mirror lacks ${which} of ${stream}, which EventStoreDB has.`;
  return `EventStoreDB removed ${which} of ${stream} before the mirror copied them.`;
}
