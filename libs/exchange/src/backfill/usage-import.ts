import { ownText } from '#domain/own-text';
import { isDomainError } from '#domain/schema';
import { type Observation, usageMonth } from '#domain/usage/usage';
import type { CommandCall } from '#ledger/command';
import { lockOfEvents } from '#billing/usage/ingest';
import { knownBySource } from '#billing/usage/known-usage';
import { foundDeployment } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Importer, RowReport } from '../rows/outcome.js';
import type { UsageItem } from '../presets/usage.js';
import type { SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';
import { EventPlaces } from './event-places.js';
import { UsageDelivery } from './usage-delivery.js';
import { UsageIdentity } from './usage-identity.js';

/** Rows that are kept until they are written: with more rows, events are packed better. */
const MOST_KEPT = 20_000;
const READINGS_PER_WRITE = 1000;
const WRITES_AT_ONCE = 4;

interface Kept {
  readonly row: SourceRow;
  readonly observation: Observation;
}
interface Group {
  readonly deploymentId: string;
  readonly kept: Kept[];
}
type Rounds = Map<string, Group>[];

/**
 * Readings, packed by deployment and month. A reading whose quantity differs from the recorded one becomes a
 * correction.
 */
export class UsageImport implements Importer<UsageItem> {
  private readonly identity = new UsageIdentity();
  private readonly delivery: UsageDelivery;
  /** Why a deployment takes no usage. null: it takes usage. */
  private readonly refused = new Map<string, string | null>();
  /** By the number of earlier rows with the same key in this run, then by deployment and month. */
  private rounds: Rounds = [];
  /** By deployment: readings that the id of their source identifies. */
  private events = new Map<string, Kept[]>();
  private kept = 0;
  private writing: Promise<unknown> = Promise.resolve();
  private projected: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly core: LedgerCore,
    call: CommandCall,
    source: Source,
    private readonly report: RowReport,
    isDry: boolean,
  ) {
    this.delivery = new UsageDelivery(core, call, source, isDry);
  }

  add({ deploymentId, observation, isEvent }: UsageItem, row: SourceRow, identity: string): Promise<void> | undefined {
    if (isEvent === true) {
      const events = this.events.get(deploymentId) ?? [];
      if (events.length === 0) this.events.set(deploymentId, events);
      events.push({ row, observation });
    } else {
      const { identified, before } = this.identity.of(deploymentId, observation, identity);
      addTo(this.rounds, before, deploymentId, { row, observation: identified });
    }
    this.kept += 1;
    return this.kept >= MOST_KEPT ? this.beginWriting() : undefined;
  }

  skip({ deploymentId, observation, isEvent }: UsageItem, _row: SourceRow, identity: string): void {
    if (isEvent !== true) this.identity.of(deploymentId, observation, identity);
  }

  /** The last rows are recorded then. They may still be projected, while the next ones are read. */
  async flush(): Promise<void> {
    await this.beginWriting();
    await this.writing;
  }

  /** Kept rows are written while the next rows are read, one batch at a time, so that memory is bounded. */
  private async beginWriting(): Promise<void> {
    await this.writing;
    const { rounds, events } = this;
    this.rounds = [];
    this.events = new Map();
    this.kept = 0;
    this.writing = this.writeAll(rounds, events);
    // The next batch or `flush` reports its failure.
    this.writing.catch(() => undefined);
  }

  private async writeAll(rounds: Rounds, events: ReadonlyMap<string, readonly Kept[]>): Promise<void> {
    await this.writeRounds(rounds);
    for (const [deploymentId, kept] of events) await this.writeEvents(deploymentId, kept);
    // Projected while the next batch is written.
    await this.projected;
    this.projected = this.core.projector.catchUp();
    this.projected.catch(() => undefined);
  }

  private async writeRounds(rounds: Rounds): Promise<void> {
    for (const [before, round] of rounds.entries()) {
      // A further row with the same key is decided after the earlier one is projected.
      if (before > 0) await this.core.projector.catchUp();
      await this.writeRound([...round.values()], before > 0);
    }
  }

  /** An event may be known with another time. Nobody else records events of the deployment meanwhile. */
  private async writeEvents(deploymentId: string, kept: readonly Kept[]): Promise<void> {
    await this.core.exclusively(lockOfEvents(deploymentId), async () => {
      await this.core.projector.catchUp();
      const sourceIds = kept.map(({ observation }) => observation.sourceId ?? '');
      const places = new EventPlaces(await knownBySource(this.core, deploymentId, sourceIds));
      const rounds: Rounds = [];
      for (const { row, observation } of kept) {
        const placed = places.place(observation);
        if ('refused' in placed)
          this.report.reject(row, { field: 'id', value: observation.sourceId, reason: placed.refused.message });
        else addTo(rounds, placed.round, deploymentId, { row, observation: placed.observation });
      }
      await this.writeRounds(rounds);
    });
  }

  private async writeRound(groups: readonly Group[], isRepeated: boolean): Promise<void> {
    const taken: Group[] = [];
    for (const group of groups) if (await this.takesUsage(group)) taken.push(group);
    await this.delivery.open(
      taken.map(({ deploymentId, kept }) => ({
        deploymentId,
        observations: kept.slice(0, 1).map(({ observation }) => observation),
      })),
    );
    const queue = taken[Symbol.iterator]();
    await Promise.all(
      Array.from({ length: WRITES_AT_ONCE }, async () => {
        for (const { deploymentId, kept } of queue)
          for (let from = 0; from < kept.length; from += READINGS_PER_WRITE)
            await this.write(deploymentId, kept.slice(from, from + READINGS_PER_WRITE), isRepeated);
      }),
    );
  }

  private async takesUsage({ deploymentId, kept }: Group): Promise<boolean> {
    const reason = await this.refusalOf(deploymentId);
    if (reason === null) return true;
    for (const { row } of kept) this.report.reject(row, { field: 'deploymentId', value: deploymentId, reason });
    return false;
  }

  private async refusalOf(deploymentId: string): Promise<string | null> {
    const known = this.refused.get(deploymentId);
    if (known !== undefined) return known;
    let reason: string | null = null;
    try {
      await foundDeployment(this.core, deploymentId);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      reason = 'is not registered. Register it (register-deployment), then import the file of rejects.';
    }
    this.refused.set(ownText(deploymentId), reason);
    return reason;
  }

  /** Readings that are refused are reported, and the others are written without them. */
  private async write(deploymentId: string, kept: readonly Kept[], isRepeated: boolean): Promise<void> {
    if (kept.length === 0) return;
    try {
      const { accepted, duplicate, corrected } = await this.delivery.write(
        {
          deploymentId,
          observations: kept.map(({ observation }) => observation),
          rows: kept.map(({ row }) => row.row),
        },
        isRepeated,
      );
      this.report.count('accepted', accepted);
      this.report.count('duplicate', duplicate);
      this.report.count('correction', corrected);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const faults = new Map(
        error.errors.map(({ field, message }) => [Number(/^observations\[(\d+)\]/.exec(field)?.[1] ?? -1), message]),
      );
      const sound = kept.filter((_, index) => !faults.has(index));
      if (sound.length === kept.length) throw error;
      for (const [index, { row, observation }] of kept.entries()) {
        const message = faults.get(index);
        if (message !== undefined)
          this.report.reject(row, { field: null, value: observation.quantity, reason: message });
      }
      await this.write(deploymentId, sound, isRepeated);
    }
  }
}

function addTo(rounds: Rounds, number: number, deploymentId: string, kept: Kept): void {
  while (rounds.length <= number) rounds.push(new Map<string, Group>());
  const round = rounds[number];
  const key = `${deploymentId}\u0000${usageMonth(kept.observation.period.start)}`;
  const group = round?.get(key);
  if (group === undefined) round?.set(key, { deploymentId, kept: [kept] });
  else group.kept.push(kept);
}
