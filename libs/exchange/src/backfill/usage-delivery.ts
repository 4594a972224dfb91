import { conflict } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { type Observation, type ReadingKey, usageMonth, usageStream } from '#domain/usage/usage';
import { assertNear } from '#domain/usage/usage-span';
import { EventCodec } from '#event-store/codec';
import { NO_STREAM, WrongExpectedRevision } from '#event-store/port';
import type { CommandCall } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertFits } from '#billing/usage/reading-size';
import { decideUsage, type UsageDecided } from '#billing/usage/usage-writer';
import { RE_DELIVERED } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';
import { dayKey, looseKey } from '#projections/usage-records/usage-records.lookups';
import { DryExclusions, SeenGranularities } from './usage-granularities.js';

/** Readings of one deployment and month. No two readings in it have the same key. */
export interface UsageBatch {
  readonly deploymentId: string;
  readonly observations: readonly Observation[];
  /** Places in its file, in the order of the observations. */
  readonly rows: readonly number[];
}

/** Each attempt is a short race with one append of another writer: so many are never lost in a row. */
const MAX_ATTEMPTS = 1000;

interface Stream {
  revision: number;
  /**
   * Whether every reading in the stream came from this run. The keys of a run are distinct, so none of them is known
   * then.
   */
  readonly isOwn: boolean;
  readonly granularities: SeenGranularities;
  /** The resources, kinds and days of readings that others appended meanwhile, which may not be projected yet. */
  readonly ofOthers: Set<string>;
}

/**
 * Writes the batches of an import. A command reads everything that was recorded before it. An import reads this once
 * per stream: its own appends have other keys than its next ones, so a stream that it started is not read at all. If
 * another process appends to a stream, the revision shows it, and the stream is read from then on.
 */
export class UsageDelivery {
  private readonly streams = new Map<string, Stream>();
  /** What a dry run would have recorded. */
  private readonly dry = new DryExclusions();
  private readonly codec = new EventCodec();

  constructor(
    private readonly core: LedgerCore,
    private readonly call: CommandCall,
    private readonly source: Source,
    /** Decides, but appends nothing. */
    private readonly isDry: boolean,
  ) {}

  /** Opens the streams of these batches. The read models then cover what others have recorded in them. */
  async open(batches: readonly OfOneMonth[]): Promise<void> {
    const names = new Set(
      batches
        .flatMap((batch) => (batch.observations.length === 0 ? [] : [nameOf(batch)]))
        .filter((name) => !this.streams.has(name)),
    );
    for (const name of names) {
      const revision = await this.core.log.revisionOf(name);
      this.streams.set(name, {
        revision,
        isOwn: revision === NO_STREAM,
        granularities: new SeenGranularities(),
        ofOthers: new Set(),
      });
    }
    if ([...names].some((name) => this.streams.get(name)?.isOwn === false)) await this.core.projector.catchUp();
  }

  /**
   * Appends what is new or corrected in a batch of an opened stream. `isRepeated`: its keys came before in this run,
   * and those earlier readings are projected. Errors: as in writeUsage. Nothing of the batch is then appended.
   */
  async write(batch: UsageBatch, isRepeated: boolean): Promise<Omit<UsageDecided, 'events'>> {
    const name = nameOf(batch);
    assertNear(batch.observations, this.call.caller.now, this.core.usageYears);
    assertFits(batch.observations);
    const call = { ...this.call, sourceOf: this.sourceOf(batch) };
    const delivered = {
      deploymentId: batch.deploymentId,
      month: monthOf(batch),
      origin: 'backfill' as const,
      reason: RE_DELIVERED,
    };
    for (let attempts = 1; ; attempts += 1) {
      const stream = this.streamOf(name);
      const isMixed = stream.granularities.add(batch.observations);
      // An earlier reading of the run may exclude one of these.
      if (isMixed && this.isDry) this.dry.assertNoOverlap(batch);
      if (!this.isDry && (isMixed || touches(stream, batch))) {
        await this.core.projector.catchUp();
        stream.ofOthers.clear();
      }
      const { events, ...counts } = await decideUsage(
        this.core,
        delivered,
        batch.observations,
        stream.isOwn && !isRepeated && !isMixed,
      );
      if (this.isDry) this.dry.add(batch);
      if (events.length === 0 || this.isDry) return counts;
      while (!touches(this.streamOf(name), batch)) {
        if (await this.appended(name, call, events)) return counts;
        attempts += 1;
        if (attempts > MAX_ATTEMPTS)
          throw conflict(
            'busy_stream',
            `${name} was changed by others ${MAX_ATTEMPTS} times. Run the same import again.`,
          );
      }
    }
  }

  private streamOf(name: string): Stream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new Error(`${name} was not opened`);
    return stream;
  }

  /** Whether the events were appended. If another writer was faster, what it appended is noted. */
  private async appended(name: string, call: CommandCall, events: readonly LedgerEvent[]): Promise<boolean> {
    const stream = this.streamOf(name);
    try {
      const { revision } = await this.core.book.appendAll(name, stream.revision, call, events);
      this.streams.set(name, { ...stream, revision });
      return true;
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
      let { revision } = stream;
      for await (const stored of this.core.log.read(name, revision + 1)) {
        revision = stored.revision;
        for (const key of daysIn(this.codec.decode(stored))) stream.ofOthers.add(key);
      }
      this.streams.set(name, { ...stream, revision, isOwn: false });
      return false;
    }
  }

  /** The rows from which the readings of an event came. */
  private sourceOf({ observations, rows }: UsageBatch): NonNullable<CommandCall['sourceOf']> {
    return ({ type, data }) => {
      if (type !== 'UsageObserved' && type !== 'UsageCorrected') return undefined;
      const named: readonly ReadingKey[] = type === 'UsageObserved' ? data.observations : data.corrections;
      // Nearly always all incoming readings, in their order, else some of them, or what was made of them.
      if (named.length === observations.length && named.every((each, index) => each === observations[index]))
        return sourceInFile(this.source, rows);
      const rowOf = new Map<object, number | undefined>(observations.map((each, index) => [each, rows[index]]));
      const found = named.every((each) => rowOf.has(each))
        ? named.map((each) => rowOf.get(each))
        : rowsByKey(named, observations, rows);
      const known = found.filter((row) => row !== undefined);
      return known.length === named.length ? sourceInFile(this.source, known) : undefined;
    };
  }
}

/** Any reading: an event that is not of single readings. */
const ANY = '*';

function daysIn({ type, data }: RecordedEvent): string[] {
  if (type === 'UsageObserved') return data.observations.map(dayKey);
  return type === 'UsageCorrected' ? data.corrections.map(dayKey) : [ANY];
}

/** Whether others appended readings of a resource, kind and day of the batch since these were last projected. */
const touches = ({ ofOthers }: Stream, { observations }: UsageBatch): boolean =>
  ofOthers.size > 0 && (ofOthers.has(ANY) || observations.some((each) => ofOthers.has(dayKey(each))));

function rowsByKey(
  named: readonly ReadingKey[],
  observations: readonly Observation[],
  rows: readonly number[],
): (number | undefined)[] {
  // Readings of several providers with the same key are separate.
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
