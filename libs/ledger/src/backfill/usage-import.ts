import { isDomainError } from '#domain/schema';
import type { Observation } from '#domain/usage/usage';
import type { CommandCall } from '../command.js';
import { deploymentOf } from '../commands/deployments.commands.js';
import { deploymentStream } from '#domain/tenants/deployment';
import { looseKey } from '../known-usage.js';
import type { LedgerCore } from '../ledger-core.js';
import { writeUsage } from '../usage-writer.js';
import { Occurrences } from './occurrences.js';
import { type Importer, RE_DELIVERED, type Told } from './outcome.js';
import type { UsageItem } from './presets/usage.js';
import type { SourceRow } from './row.js';

/** Rows that are kept until they are written: the more, the better they pack. */
const MOST_KEPT = 100_000;
const READINGS_PER_WRITE = 1000;
const WRITES_AT_ONCE = 4;

interface Kept {
  readonly row: SourceRow;
  readonly observation: Observation;
}

/** Readings, packed by deployment and month. One of another quantity than is recorded becomes a correction. */
export class UsageImport implements Importer<UsageItem> {
  private readonly occurrences = new Occurrences();
  private readonly unknown = new Map<string, string | null>();
  private groups = new Map<string, { readonly deploymentId: string; readonly kept: Kept[] }>();
  private kept = 0;

  constructor(
    private readonly core: LedgerCore,
    private readonly call: CommandCall,
    private readonly told: Told,
  ) {}

  async add({ deploymentId, observation }: UsageItem, row: SourceRow, identity: string): Promise<void> {
    const key = `${deploymentId}\u0000${observation.period.start.slice(0, 7)}`;
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { deploymentId, kept: [] };
      this.groups.set(key, group);
    }
    group.kept.push({ row, observation: this.identified(deploymentId, observation, identity) });
    this.kept += 1;
    if (this.kept >= MOST_KEPT) await this.flush();
  }

  /**
   * A row without an id of its own: an event is told apart by its file and row, since equal ones are two. The reading of an hour or a day
   * is the same when it is delivered again in another file; what a file says of it a second time is another one.
   */
  private identified(deploymentId: string, observation: Observation, identity: string): Observation {
    if (observation.sourceId !== undefined) return observation;
    if (observation.granularity === 'event') return { ...observation, sourceId: identity };
    const occurrence = this.occurrences.next(`${deploymentId}\u0000${observation.provider ?? ''}\u0000${looseKey(observation)}`);
    return occurrence === 1 ? observation : { ...observation, sourceId: `#${occurrence}` };
  }

  async flush(): Promise<void> {
    const groups = [...this.groups.values()];
    this.groups = new Map();
    this.kept = 0;
    const queue = groups[Symbol.iterator]();
    await Promise.all(
      Array.from({ length: WRITES_AT_ONCE }, async () => {
        for (const { deploymentId, kept } of queue) await this.writeGroup(deploymentId, kept);
      }),
    );
  }

  private async writeGroup(deploymentId: string, kept: readonly Kept[]): Promise<void> {
    const reason = await this.missing(deploymentId);
    if (reason !== null) {
      for (const { row } of kept) this.told.reject(row, { field: 'deploymentId', value: deploymentId, reason });
      return;
    }
    for (let from = 0; from < kept.length; from += READINGS_PER_WRITE) await this.write(deploymentId, kept.slice(from, from + READINGS_PER_WRITE));
  }

  /** Why a deployment can't take usage; null: it can. */
  private async missing(deploymentId: string): Promise<string | null> {
    const known = this.unknown.get(deploymentId);
    if (known !== undefined) return known;
    let reason: string | null = null;
    try {
      deploymentOf(await this.core.book.load(deploymentStream(deploymentId)), deploymentId);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      reason = 'is not registered: register it (register-deployment), then import the file of rejects';
    }
    this.unknown.set(deploymentId, reason);
    return reason;
  }

  /** Readings that can't be taken are told, and the others taken without them. */
  private async write(deploymentId: string, kept: readonly Kept[]): Promise<void> {
    if (kept.length === 0) return;
    try {
      const observations = kept.map(({ observation }) => observation);
      const { accepted, duplicate, corrected } = await writeUsage(this.core, this.call, deploymentId, observations, 'backfill', RE_DELIVERED);
      this.told.count('accepted', accepted);
      this.told.count('duplicate', duplicate);
      this.told.count('correction', corrected);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      const faults = new Map(error.errors.map(({ field, message }) => [Number(/^observations\[(\d+)\]/.exec(field)?.[1] ?? -1), message]));
      const faulty = kept.filter((_, index) => faults.has(index));
      if (faulty.length === 0) throw error;
      for (const [index, { row, observation }] of kept.entries()) {
        const message = faults.get(index);
        if (message !== undefined) this.told.reject(row, { field: null, value: observation.quantity, reason: message });
      }
      await this.write(deploymentId, kept.filter((_, index) => !faults.has(index)));
    }
  }
}
