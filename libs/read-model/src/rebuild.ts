import type pg from 'pg';
import { conflict, invalid } from '#domain/errors';
import type { EventLog } from '#event-store/port';
import { type Comparison, compareSchemas, isEqual } from './compare.js';
import type { Projection } from './projection.js';
import { Fold, foldedTo, indexesBefore, prepareFold } from './fold.js';
import { Projector } from './projector.js';
import { type Checkpoint, checkpointOf, completeCheckpoint, createReadModels, versionsOf } from './schema.js';
import { stopped, swap } from './swap.js';

export interface RebuildOptions {
  /** Names of projections; null: all. */
  readonly only?: readonly string[] | null;
  /** Builds and compares, and puts nothing in the live one's place. */
  readonly preview?: boolean;
  /** Takes the new read models also where they differ from the live ones. */
  readonly accept?: boolean;
  /** Aborted: what is built is kept, and the same rebuild goes on from it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Told what differs before anything is exchanged. */
  readonly onCompared?: (report: Omit<RebuildReport, 'outcome'>) => void;
}

export interface RebuildProgress {
  readonly phase: 'fold' | 'index' | 'catch up' | 'compare' | 'swap';
  /** The log position reached, and the one to be reached. */
  readonly position: number;
  readonly target: number;
  readonly eventsPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface RebuildReport extends Comparison {
  /** `interrupted`, and `refused` for its differences: the shadow is kept, and the same command goes on with it. */
  readonly outcome: 'swapped' | 'previewed' | 'refused' | 'interrupted';
  readonly projections: readonly string[];
  /** The position at which both were compared. */
  readonly position: number;
  /** Where an earlier, unfinished rebuild was gone on with; 0: from nothing. */
  readonly resumedFrom: number;
  readonly seconds: number;
}

const isAborted = ({ signal }: { readonly signal?: AbortSignal }): boolean => signal?.aborted === true;

/** The lag at which the live read models are made to wait for the shadow: some milliseconds' work. */
const SMALL_LAG = 500;

/**
 * Rebuilds read models from the log into a shadow schema while the live one serves and goes on; compares the two at one position, and
 * exchanges them. The replaced schema is kept for a rollback, until the next rebuild. One rebuild at a time, by an advisory lock.
 */
export class Rebuilder {
  readonly shadow: string;
  readonly previous: string;

  constructor(
    private readonly log: EventLog,
    private readonly pool: pg.Pool,
    private readonly projections: readonly Projection[],
    private readonly live: string,
  ) {
    this.shadow = `${live}_shadow`;
    this.previous = `${live}_previous`;
  }

  /** Errors: `unknown_projection`, `rebuild_under_way`; ProjectionHalted. */
  async rebuild(options: RebuildOptions = {}): Promise<RebuildReport> {
    const part = this.chosen(options.only ?? null);
    return this.alone(async (client) => {
      const start = performance.now();
      if (part !== null) await this.assertOwnVersions();
      const resumedFrom = await this.prepareShadow(client, part);
      const built = part ?? this.projections;
      const projector = this.projectorOn(this.shadow, part);
      const report = (outcome: RebuildReport['outcome'], position: number, comparison: Comparison): RebuildReport => ({
        outcome,
        projections: built.map(({ name }) => name),
        position,
        resumedFrom,
        seconds: Math.round(performance.now() - start) / 1000,
        ...comparison,
      });
      await this.fold(part, options);
      const reached = isAborted(options) ? await this.reached() : await this.follow(projector, options);
      if (isAborted(options)) return report('interrupted', reached, { tables: [], money: [] });
      const { position, comparison } = await this.compared(client, projector, built, options);
      options.onCompared?.(report('previewed', position, comparison));
      if (options.preview === true) return report('previewed', position, comparison);
      if (!isEqual(comparison) && options.accept !== true) return report('refused', position, comparison);
      await this.follow(projector, options);
      if (isAborted(options)) return report('interrupted', position, comparison);
      options.onProgress?.({ phase: 'swap', position, target: position, eventsPerSecond: null, secondsLeft: null });
      await client.query(`DROP SCHEMA IF EXISTS ${this.previous} CASCADE`);
      await this.exchange(client, this.shadow, part, projector);
      return report('swapped', position, comparison);
    });
  }

  /**
   * Puts the kept schema back, once it has caught up with the live one, which is kept in its turn. Errors: `nothing_to_roll_back`,
   * `other_versions` where another program made it, `rebuild_under_way`.
   */
  async rollback(
    options: Pick<RebuildOptions, 'signal' | 'onProgress'> = {},
  ): Promise<{ position: number; keptFrom: number }> {
    return this.alone(async (client) => {
      const kept = await checkpointOf(client, this.previous);
      if (kept === undefined)
        throw conflict(
          'nothing_to_roll_back',
          `no read models are kept in ${this.previous}: nothing was rebuilt since they were last removed`,
        );
      const part = this.chosen(kept.only);
      if (kept.versions !== versionsOf(part ?? this.projections)) {
        throw conflict(
          'other_versions',
          `the read models kept in ${this.previous} were made by other versions of the projections (${kept.versions}): start the program that made them; it puts them back by itself`,
        );
      }
      const projector = this.projectorOn(this.previous, part);
      await this.follow(projector, options);
      if (isAborted(options))
        throw conflict('interrupted', 'the rollback was interrupted; the live read models are as they were');
      return { position: await this.exchange(client, this.previous, part, projector), keptFrom: kept.position };
    });
  }

  /** Replaces read models of other versions: by the kept ones where those are of this program's versions, else by new ones, however they differ. */
  async takeOver(options: Pick<RebuildOptions, 'signal' | 'onProgress'>): Promise<void> {
    const { previous } = await this.status();
    if (previous !== null && previous.only === null && previous.versions === versionsOf(this.projections))
      await this.rollback(options);
    else await this.rebuild({ ...options, accept: true });
  }

  /** The read models that serve, the unfinished rebuild, and the kept ones, where there are any. */
  async status(): Promise<{
    readonly live: Checkpoint | null;
    readonly shadow: Checkpoint | null;
    readonly previous: Checkpoint | null;
  }> {
    const [live, shadow, previous] = await Promise.all(
      [this.live, this.shadow, this.previous].map(async (schema) => (await checkpointOf(this.pool, schema)) ?? null),
    );
    const folded = await foldedTo(this.pool, this.shadow);
    return {
      live: live ?? null,
      shadow: shadow === null || shadow === undefined ? null : { ...shadow, position: folded ?? shadow.position },
      previous: previous ?? null,
    };
  }

  private chosen(only: readonly string[] | null): readonly Projection[] | null {
    if (only === null) return null;
    const names = this.projections.map(({ name }) => name);
    const unknown = only.filter((name) => !names.includes(name));
    if (unknown.length > 0 || only.length === 0)
      throw invalid(
        'unknown_projection',
        `there is no projection ${unknown.join(', ') || '""'}; there are ${names.join(', ')}`,
      );
    return this.projections.filter(({ name }) => only.includes(name));
  }

  private async assertOwnVersions(): Promise<void> {
    const live = await checkpointOf(this.pool, this.live);
    if (live !== undefined && live.versions !== versionsOf(this.projections))
      throw conflict(
        'other_versions',
        'the read models were made by other versions of the projections: rebuild all of them, without --only',
      );
  }

  /** A part reads the tables of the others where they are: in the live schema. */
  private projectorOn(schema: string, part: readonly Projection[] | null): Projector {
    return new Projector(this.log, this.pool, part ?? this.projections, schema, this.searchPathOf(schema, part));
  }

  private searchPathOf(schema: string, part: readonly Projection[] | null): string {
    return part === null ? schema : `${schema}, ${this.live}`;
  }

  private async alone<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      const { rows } = await client.query<{ locked: boolean }>(
        `SELECT pg_try_advisory_lock(hashtext('ledgerline:rebuild:${this.live}')) AS locked`,
      );
      if (rows[0]?.locked !== true)
        throw conflict(
          'rebuild_under_way',
          'another rebuild or rollback is under way: "ledgerline projections status" says how far it is',
        );
      try {
        return await work(client);
      } finally {
        await client.query(`SELECT pg_advisory_unlock(hashtext('ledgerline:rebuild:${this.live}'))`);
      }
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** The position of an unfinished rebuild of the same projections, which is gone on with; else 0, and the shadow is empty. */
  private async prepareShadow(client: pg.ClientBase, part: readonly Projection[] | null): Promise<number> {
    await completeCheckpoint(client, this.live);
    const left = await checkpointOf(client, this.shadow);
    const live = await checkpointOf(client, this.live);
    const only = part?.map(({ name }) => name) ?? null;
    const isSame =
      left !== undefined &&
      left.versions === versionsOf(part ?? this.projections) &&
      JSON.stringify(left.only) === JSON.stringify(only);
    if (isSame && left.position <= (live?.position ?? 0)) return (await foldedTo(client, this.shadow)) ?? left.position;
    await client.query('BEGIN');
    try {
      await client.query(`DROP SCHEMA IF EXISTS ${this.shadow} CASCADE`);
      const built = part ?? this.projections;
      await createReadModels(client, this.shadow, built, only, indexesBefore(built));
      await prepareFold(client, this.shadow, built);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
    return 0;
  }

  private async livePosition(): Promise<number> {
    return (await checkpointOf(this.pool, this.live))?.position ?? 0;
  }

  private async reached(): Promise<number> {
    return (await foldedTo(this.pool, this.shadow)) ?? (await checkpointOf(this.pool, this.shadow))?.position ?? 0;
  }

  /** From nothing to where the live read models are now; where that is done, nothing. */
  private async fold(part: readonly Projection[] | null, { signal, onProgress }: RebuildOptions): Promise<void> {
    if ((await foldedTo(this.pool, this.shadow)) === null) return;
    const [target, start] = [await this.livePosition(), performance.now()];
    let from: number | undefined;
    const fold = new Fold({
      log: this.log,
      pool: this.pool,
      projections: part ?? this.projections,
      schema: this.shadow,
      searchPath: this.searchPathOf(this.shadow, part),
      signal,
      onProgress: ({ phase, position }) => {
        from ??= position;
        const perMs = (position - from) / (performance.now() - start);
        const isFolding = phase === 'fold' && perMs > 0;
        onProgress?.({
          phase,
          position,
          target,
          eventsPerSecond: isFolding ? Math.round(perMs * 1000) : null,
          secondsLeft: isFolding ? Math.round((target - position) / perMs / 1000) : null,
        });
      },
    });
    await fold.run(target);
  }

  /** Projects until hardly anything is missing of what is live; where the signal aborts, less. */
  private async follow(projector: Projector, options: Pick<RebuildOptions, 'signal' | 'onProgress'>): Promise<number> {
    const [from, start] = [await projector.position(), performance.now()];
    for (;;) {
      const target = await this.livePosition();
      const onBatch = (position: number): void => {
        const perMs = (position - from) / (performance.now() - start);
        options.onProgress?.({
          phase: 'catch up',
          position,
          target,
          eventsPerSecond: Math.round(perMs * 1000),
          secondsLeft: perMs === 0 ? null : Math.round((target - position) / perMs / 1000),
        });
      };
      const reached = await projector.projectExactly(target, {
        onBatch,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      if (reached === undefined) throw conflict('rebuild_under_way', 'another process writes to the same schema');
      if (isAborted(options) || (await this.livePosition()) - reached < SMALL_LAG) return reached;
    }
  }

  /** What differs at one position: the live read models wait until both are at it, and go on once a snapshot of both is taken. */
  private async compared(
    client: pg.ClientBase,
    projector: Projector,
    built: readonly Projection[],
    { onProgress }: RebuildOptions,
  ): Promise<{ position: number; comparison: Comparison }> {
    const snapshot = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const position = await stopped(client, this.live);
      await projector.projectExactly(position);
      await snapshot.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM ${this.live}.checkpoint`);
      await client.query('COMMIT');
      onProgress?.({ phase: 'compare', position, target: position, eventsPerSecond: null, secondsLeft: null });
      return { position, comparison: await compareSchemas(snapshot, this.live, this.shadow, built) };
    } finally {
      await client.query('ROLLBACK');
      await snapshot.query('ROLLBACK');
      snapshot.release();
    }
  }

  private async exchange(
    client: pg.ClientBase,
    next: string,
    part: readonly Projection[] | null,
    projector: Projector,
  ): Promise<number> {
    return swap(client, { live: this.live, next, previous: this.previous }, part, async (position) => {
      await projector.projectExactly(position);
    });
  }
}
