import { type Observation, usageStream } from '#domain/usage/usage';
import { NO_STREAM } from '#event-store/port';
import type { LedgerCore } from '#ledger/ledger-core';
import { readKeeper } from '#projections/margins/kept-costs.read';
import type { PrunedMonth } from '#projections/usage-records/usage-records.lookups';
import { ifReadable } from '#read-model/readable';
import { printOf, PrintSet } from './key-prints.js';

/** Of all streams, of 4 bytes each: at most 32 MiB, for some 4 to 6 million ids. */
const MOST_SLOTS = 8 * 1024 * 1024;

interface Sources {
  readonly prints: PrintSet;
  /** They are those of the events up to this revision. */
  revision: number;
}

/**
 * The ids of the sources of readings that were pruned, as prints: an event of a source is known in any month, and would
 * else be looked for in all pruned months of its deployment.
 */
class PrunedSources {
  /** In order of use, the latest last. */
  private readonly streams = new Map<string, Sources>();
  private madeBy = '';

  constructor(private readonly core: LedgerCore) {}

  /** Those of the months whose stream may have one of these ids. It may name one too many, never one too few. */
  async having(months: readonly PrunedMonth[], sourceIds: ReadonlySet<string>): Promise<PrunedMonth[]> {
    if (months.length === 0 || sourceIds.size === 0) return [];
    const { position, madeBy } = await readKeeper(this.core.db);
    // Read models that were built anew may be of another log.
    if (madeBy !== this.madeBy) this.streams.clear();
    this.madeBy = madeBy;
    const asked = [...sourceIds].map(printOf);
    const found: PrunedMonth[] = [];
    for (const [stream, of] of Map.groupBy(months, (each) => usageStream(each.deploymentId, each.month))) {
      const prints = await this.printsOf(stream, position);
      if (prints === null || asked.some((print) => prints.has(print))) found.push(...of);
    }
    return found;
  }

  /** null: an event can't be read. Events that are not projected are not asked for here, and are read again. */
  private async printsOf(stream: string, position: number): Promise<PrintSet | null> {
    const sources = this.streams.get(stream) ?? { prints: new PrintSet(), revision: NO_STREAM };
    for await (const stored of this.core.log.read(stream, sources.revision + 1)) {
      if (stored.position > position) break;
      const event = ifReadable(stored);
      if (event === undefined) return null;
      if (event.type === 'UsageObserved') add(sources.prints, event.data.observations);
      sources.revision = stored.revision;
    }
    this.streams.delete(stream);
    this.streams.set(stream, sources);
    this.makeRoom();
    return sources.prints;
  }

  private makeRoom(): void {
    let slots = [...this.streams.values()].reduce((sum, { prints }) => sum + prints.length, 0);
    for (const [stream, { prints }] of this.streams) {
      if (slots <= MOST_SLOTS) return;
      this.streams.delete(stream);
      slots -= prints.length;
    }
  }
}

function add(prints: PrintSet, observations: readonly Observation[]): void {
  for (const { sourceId = '' } of observations) if (sourceId !== '') prints.add(printOf(sourceId));
}

const known = new WeakMap<LedgerCore, PrunedSources>();

/** Those of these months whose stream may have one of these ids of a source. */
export async function monthsHaving(
  core: LedgerCore,
  months: readonly PrunedMonth[],
  sourceIds: ReadonlySet<string>,
): Promise<PrunedMonth[]> {
  const of = known.get(core) ?? new PrunedSources(core);
  known.set(core, of);
  return of.having(months, sourceIds);
}
