import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import type { MirrorDifference } from '#event-store/mirror.compare';
import type { EventLog } from '#event-store/port';
import type { QueryContext } from '#ledger/query';
import { ifReadable } from '#read-model/readable';
import type { Finding } from './finding.js';

/** What an operator can know of, because the server did it and the mirror still has the events. */
const REMOVALS: readonly MirrorDifference['code'][] = ['removed_from_server', 'lost_before_copy'];

/**
 * With EventStoreDB as the log: whether it still has what the mirror in Postgres copied from it. A removal that an
 * operator acknowledged is a notice. `limitMs`: after this time the rest is not compared, which is a notice too.
 */
export async function againstServer(
  { core, position }: QueryContext,
  limitMs: number | undefined,
): Promise<{ failures: readonly Finding[]; notices: readonly Finding[] }> {
  const signal = limitMs === undefined ? undefined : AbortSignal.timeout(limitMs);
  const differences = (await core.mirror?.differences(signal)) ?? [];
  const isKnown = await acknowledgedIn(core.log, position);
  const of = (wanted: boolean): Finding[] =>
    differences
      .filter((each) => (each.code === 'not_compared' || isKnown(each)) === wanted)
      .map((difference) => findingOf(difference));
  return { failures: of(false), notices: of(true) };
}

/** Whether an operator acknowledged a difference, up to a position of the log. */
export async function acknowledgedIn(
  log: Pick<EventLog, 'read'>,
  upTo = Infinity,
): Promise<(difference: MirrorDifference) => boolean> {
  const known = new Map<string, number>();
  const deleted = new Set<string>();
  for await (const stored of log.read(PROJECTIONS_STREAM)) {
    const event = ifReadable(stored);
    if (event?.type !== 'RemovalAcknowledged' || event.position > upTo) continue;
    const { stream, revision } = event.data;
    known.set(stream, Math.max(revision, known.get(stream) ?? 0));
    if (event.data.deleted === true) deleted.add(stream);
  }
  return ({ code, stream, revisions }) => {
    if (revisions === null) return deleted.has(stream);
    return REMOVALS.includes(code) && revisions.last <= (known.get(stream) ?? -1);
  };
}

const findingOf = ({ code, message, remedy, stream, revisions, position }: MirrorDifference): Finding => ({
  code,
  message,
  ids: { stream, revisions, position },
  remedy,
});
