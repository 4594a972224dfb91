import { conflict } from '#domain/errors';
import { type Observation, type ReadingKey, usageMonth, usageStream } from '#domain/usage/usage';
import { NO_STREAM, WrongExpectedRevision } from '#event-store/port';
import type { CommandCall } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import { decideUsage, type UsageDecided } from '#billing/usage/usage-writer';
import { RE_DELIVERED } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';
import { looseKey } from '#projections/usage-records/usage-records.lookups';
import { DryExclusions, SeenGranularities } from './usage-granularities.js';

/** Readings of one deployment and month; no two of a run have the same key. */
export interface UsageBatch {
  readonly deploymentId: string;
  readonly observations: readonly Observation[];
  /** Of its file, as the observations. */
  readonly rows: readonly number[];
}

const MAX_ATTEMPTS = 20;

interface Stream {
  revision: number;
  /**
   * Whether all that is in it came from this run: of its keys, which are each other's equals nowhere, nothing is known.
   */
  readonly isOwn: boolean;
  readonly granularities: SeenGranularities;
}

/**
 * Writes the batches of an import. A command looks at all that was recorded before it; here that is done once a stream:
 * what the run itself appends has other keys than what it appends next, so that a stream which began with it is not
 * looked up at all. Whoever else appends to one meanwhile is found by its revision, and it is looked up from then on.
 */
export class UsageDelivery {
  private readonly streams = new Map<string, Stream>();
  /** What a dry run would have recorded. */
  private readonly dry = new DryExclusions();

  constructor(
    private readonly core: LedgerCore,
    private readonly call: CommandCall,
    private readonly source: Source,
    /** Decides, and appends nothing. */
    private readonly isDry: boolean,
  ) {}

  /** Opens the streams of these batches: the read models then cover what others have recorded in them. */
  async open(batches: readonly OfOneMonth[]): Promise<void> {
    const names = new Set(
      batches
        .flatMap((batch) => (batch.observations.length === 0 ? [] : [nameOf(batch)]))
        .filter((name) => !this.streams.has(name)),
    );
    for (const name of names) {
      const revision = await this.core.log.revisionOf(name);
      this.streams.set(name, { revision, isOwn: revision === NO_STREAM, granularities: new SeenGranularities() });
    }
    if ([...names].some((name) => this.streams.get(name)?.isOwn === false)) await this.core.projector.catchUp();
  }

  /**
   * Appends what is new or corrected of an opened stream's batch; `isRepeated`: its keys came before in this run, and
   * what was said of them is projected. Errors as in writeUsage; nothing of the batch is then appended.
   */
  async write(batch: UsageBatch, isRepeated: boolean): Promise<Omit<UsageDecided, 'events'>> {
    const name = nameOf(batch);
    const call = { ...this.call, sourceOf: this.sourceOf(batch) };
    for (let attempts = 1; ; attempts += 1) {
      const stream = this.streams.get(name);
      if (stream === undefined) throw new Error(`${name} was not opened`);
      const delivered = {
        deploymentId: batch.deploymentId,
        month: monthOf(batch),
        origin: 'backfill' as const,
        reason: RE_DELIVERED,
      };
      const isMixed = stream.granularities.add(batch.observations);
      // An earlier reading of the run may exclude one of these.
      if (isMixed && this.isDry) this.dry.assertNoOverlap(batch);
      if (isMixed && !this.isDry) await this.core.projector.catchUp();
      const { events, ...counts } = await decideUsage(
        this.core,
        delivered,
        batch.observations,
        stream.isOwn && !isRepeated && !isMixed,
      );
      if (this.isDry) this.dry.add(batch);
      if (events.length === 0 || this.isDry) return counts;
      try {
        const { revision } = await this.core.book.appendAll(name, stream.revision, call, events);
        this.streams.set(name, { ...stream, revision });
        return counts;
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) throw error;
        if (attempts === MAX_ATTEMPTS)
          throw conflict(
            'busy_stream',
            `${name} was changed by others ${MAX_ATTEMPTS} times over: run the same import again`,
          );
        this.streams.set(name, { ...stream, revision: await this.core.log.revisionOf(name), isOwn: false });
        await this.core.projector.catchUp();
      }
    }
  }

  /** The rows that an event's readings were read from. */
  private sourceOf({ observations, rows }: UsageBatch): NonNullable<CommandCall['sourceOf']> {
    const rowOf = new Map<object, number | undefined>(observations.map((each, index) => [each, rows[index]]));
    return ({ type, data }) => {
      if (type !== 'UsageObserved' && type !== 'UsageCorrected') return undefined;
      const named: readonly ReadingKey[] = type === 'UsageObserved' ? data.observations : data.corrections;
      // Mostly the very readings that came in; else what was made of them.
      const found = named.every((each) => rowOf.has(each))
        ? named.map((each) => rowOf.get(each))
        : rowsByKey(named, observations, rows);
      const known = found.filter((row) => row !== undefined);
      return known.length === named.length ? sourceInFile(this.source, known) : undefined;
    };
  }
}

function rowsByKey(
  named: readonly ReadingKey[],
  observations: readonly Observation[],
  rows: readonly number[],
): (number | undefined)[] {
  // Of several providers' readings of one key, each is its own.
  const ofProvider = new Map(
    observations.map((each, index) => [`${each.provider ?? ''}\u0000${looseKey(each)}`, rows[index]]),
  );
  const ofAny = new Map(observations.map((each, index) => [looseKey(each), rows[index]]));
  return named.map((key) => ofProvider.get(`${key.provider ?? ''}\u0000${looseKey(key)}`) ?? ofAny.get(looseKey(key)));
}

type OfOneMonth = Pick<UsageBatch, 'deploymentId' | 'observations'>;

function monthOf({ observations: [first] }: OfOneMonth): string {
  if (first === undefined) throw new Error('a batch has no readings');
  return usageMonth(first.period.start);
}
const nameOf = (batch: OfOneMonth): string => usageStream(batch.deploymentId, monthOf(batch));
