import type pg from 'pg';
import { conflict, invalid } from '#domain/errors';
import type { EventLog } from '#event-store/port';
import { withClient } from '#postgres/client';
import { isGone } from '#postgres/connection';
import { bulkMark } from './bulk-progress.js';
import { BulkRebuild, indexesBefore, prepareBulkRebuild } from './bulk-rebuild.js';
import { type Comparison, compareSchemas, isEqual } from './compare.js';
import type { Projection } from './projection.js';
import { Projector } from './projector.js';
import { type Checkpoint, checkpointOf, completeCheckpoint, createReadModels, versionsOf } from './schema.js';
import { assertSameLog, isSameLog } from './same-log.js';
import { stopped, swap } from './swap.js';

export interface RebuildOptions {
  /** Names of projections; null: all. */
  readonly only?: readonly string[] | null;
  /** Builds and compares only: the live read models stay. */
  readonly preview?: boolean;
  /**
   * Accepts the new read models even if they differ from the live ones; or only these differences, in the rows that
   * were there at a position.
   */
  readonly accept?: boolean | { readonly upTo: number; readonly isThis: (report: RebuildReport) => boolean };
  /** If it aborts, the finished work is kept, and the same rebuild continues from it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Receives the differences before the swap. */
  readonly onCompared?: (report: Omit<RebuildReport, 'outcome'>) => void;
  /** The exchange begins after it. If it throws, nothing is exchanged. */
  readonly beforeExchange?: () => Promise<void>;
}

export interface RebuildProgress {
  readonly phase: 'fill' | 'index' | 'catch up' | 'compare' | 'swap';
  /** The log position reached, and the target. */
  readonly position: number;
  readonly target: number;
  readonly eventsPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface RebuildReport extends Comparison {
  /** After `interrupted`, and `refused` because of differences, the shadow is kept and the same command continues. */
  readonly outcome: 'swapped' | 'previewed' | 'refused' | 'interrupted';
  readonly projections: readonly string[];
  /** The position of the comparison. */
  readonly position: number;
  /** The position from which an unfinished rebuild was continued; 0: it began from nothing. */
  readonly resumedFrom: number;
  readonly seconds: number;
}

const isAborted = ({ signal }: { readonly signal?: AbortSignal }): boolean => signal?.aborted === true;

/** null: an exchange or a cancellation took the tables away in between. */
async function unlessGone<Result>(read: () => Promise<Result>): Promise<Result | null> {
  try {
    return await read();
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Below this lag, in events, the live read models wait for the shadow: some milliseconds of work. */
const SMALL_LAG = 500;

/**
 * Rebuilds read models from the log into a shadow schema while the live schema serves; compares both at one position,
 * and swaps them. The previous schema is kept for a rollback, until the next rebuild. An advisory lock allows one
 * rebuild at a time.
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

  /**
   * Errors: `unknown_projection`, `rebuild_under_way`; ProjectionHalted. For a part also `other_versions`; OtherLog.
   */
  async rebuild(options: RebuildOptions = {}): Promise<RebuildReport> {
    const part = this.chosen(options.only ?? null);
    return this.alone(async (client) => {
      const start = performance.now();
      if (part !== null) await this.assertServing();
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
      await this.fill(part, options);
      const reached = isAborted(options) ? await this.reached() : await this.follow(projector, options);
      if (isAborted(options)) return report('interrupted', reached, { tables: [], money: [] });
      const { position, comparison } = await this.compared(client, projector, built, options);
      options.onCompared?.(report('previewed', position, comparison));
      if (options.preview === true) return report('previewed', position, comparison);
      const { accept = false } = options;
      const isAccepted = typeof accept === 'boolean' ? accept : accept.isThis(report('refused', position, comparison));
      if (!isEqual(comparison) && !isAccepted) return report('refused', position, comparison);
      await this.follow(projector, options);
      if (isAborted(options)) return report('interrupted', position, comparison);
      options.onProgress?.({ phase: 'swap', position, target: position, eventsPerSecond: null, secondsLeft: null });
      await options.beforeExchange?.();
      await client.query(`DROP SCHEMA IF EXISTS ${this.previous} CASCADE`);
      await this.exchange(client, this.shadow, part, projector);
      return report('swapped', position, comparison);
    });
  }

  /**
   * Brings the previous schema up to date and swaps it with the live one, which is then kept as the previous one.
   * Errors: `nothing_to_roll_back`, `other_versions` if another version of the program made it, `rebuild_under_way`;
   * OtherLog.
   */
  async rollback(
    options: Pick<RebuildOptions, 'signal' | 'onProgress' | 'beforeExchange'> = {},
  ): Promise<{ position: number; keptFrom: number }> {
    return this.alone(async (client) => {
      await completeCheckpoint(client, this.previous);
      const kept = await checkpointOf(client, this.previous);
      if (kept === undefined)
        throw conflict(
          'nothing_to_roll_back',
          `Nothing to roll back: ${this.previous} has no read models. A rebuild keeps the previous ones there.`,
        );
      const part = this.chosen(kept.only);
      if (kept.versions !== versionsOf(part ?? this.projections)) {
        throw conflict(
          'other_versions',
          `The read models in ${this.previous} were made by other versions of the projections (${kept.versions}).` +
            ' Start the version of the program that made them; it restores them.',
        );
      }
      const projector = this.projectorOn(this.previous, part);
      await projector.assertSameLog();
      await this.follow(projector, options);
      if (isAborted(options))
        throw conflict('interrupted', 'The rollback was interrupted. The live read models did not change.');
      await options.beforeExchange?.();
      return { position: await this.exchange(client, this.previous, part, projector), keptFrom: kept.position };
    });
  }

  /** Removes what an unfinished rebuild has built. Errors: `rebuild_under_way`. */
  async abandon(): Promise<void> {
    await this.alone(async (client) => client.query(`DROP SCHEMA IF EXISTS ${this.shadow} CASCADE`));
  }

  /**
   * Replaces read models of other versions: by the previous ones if they are of this program's versions, otherwise by
   * new ones, even if these differ.
   */
  async takeOver(options: Pick<RebuildOptions, 'signal' | 'onProgress'>): Promise<void> {
    const { previous } = await this.status();
    if (previous !== null && previous.only === null && previous.versions === versionsOf(this.projections))
      await this.rollback(options);
    else await this.rebuild({ ...options, accept: true });
  }

  /** The live read models, the unfinished rebuild and the previous read models; null: there are none. */
  async status(): Promise<{
    readonly live: Checkpoint | null;
    readonly shadow: Checkpoint | null;
    readonly previous: Checkpoint | null;
  }> {
    const [live, shadow, previous] = await Promise.all(
      [this.live, this.shadow, this.previous].map(async (schema) =>
        unlessGone(async () => checkpointOf(this.pool, schema)),
      ),
    );
    const filled = await unlessGone(async () => bulkMark(this.pool, this.shadow));
    return {
      live: live ?? null,
      shadow:
        shadow === null || shadow === undefined ? null : { ...shadow, position: filled?.position ?? shadow.position },
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
        `Unknown projection ${unknown.join(', ') || '""'}. Projections: ${names.join(', ')}.`,
      );
    return this.projections.filter(({ name }) => only.includes(name));
  }

  /** A part gets no checkpoint of its own: the others must be of the same versions, and of the same log. */
  private async assertServing(): Promise<void> {
    const live = await checkpointOf(this.pool, this.live);
    if (live === undefined) return;
    if (live.versions !== versionsOf(this.projections))
      throw conflict(
        'other_versions',
        'The read models were made by other versions of the projections. Rebuild all of them, without --only.',
      );
    await assertSameLog(this.log, this.live, live);
  }

  /** Some projections alone read the tables of the others in the live schema. */
  private projectorOn(schema: string, part: readonly Projection[] | null): Projector {
    return new Projector(this.log, this.pool, part ?? this.projections, schema, this.searchPathOf(schema, part));
  }

  private searchPathOf(schema: string, part: readonly Projection[] | null): string {
    return part === null ? schema : `${schema}, ${this.live}`;
  }

  private async alone<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    return withClient(this.pool, async (client) => {
      const { rows } = await client.query<{ locked: boolean }>(
        `SELECT pg_try_advisory_lock(hashtext('ledgerline:rebuild:${this.live}')) AS locked`,
      );
      if (rows[0]?.locked !== true)
        throw conflict(
          'rebuild_under_way',
          'Another rebuild or rollback is running. Run "ledgerline projections status" to see its progress.',
        );
      try {
        return await work(client);
      } finally {
        await client.query(`SELECT pg_advisory_unlock(hashtext('ledgerline:rebuild:${this.live}'))`);
      }
    });
  }

  /**
   * The position of an unfinished rebuild of the same projections, which continues; otherwise 0, with an empty shadow.
   */
  private async prepareShadow(client: pg.ClientBase, part: readonly Projection[] | null): Promise<number> {
    for (const schema of [this.live, this.shadow]) await completeCheckpoint(client, schema);
    const left = await checkpointOf(client, this.shadow);
    const live = await checkpointOf(client, this.live);
    const only = part?.map(({ name }) => name) ?? null;
    const isSame =
      left !== undefined &&
      left.versions === versionsOf(part ?? this.projections) &&
      JSON.stringify(left.only) === JSON.stringify(only);
    if (isSame && left.position <= (live?.position ?? 0)) {
      const bulk = await bulkMark(client, this.shadow);
      const furthest = bulk?.furthest ?? left;
      // Nothing is copied yet, or an earlier program recorded no hash of it, or not where it finished.
      const isKnown = bulk === null || (furthest.eventHash !== null && bulk.finishedAt !== 0);
      if (isKnown && (await isSameLog(this.log, furthest))) return (bulk ?? left).position;
    }
    await client.query('BEGIN');
    try {
      await client.query(`DROP SCHEMA IF EXISTS ${this.shadow} CASCADE`);
      const built = part ?? this.projections;
      await createReadModels(client, this.shadow, built, only, indexesBefore(built));
      await prepareBulkRebuild(client, this.shadow, built);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
    return 0;
  }

  /** Where the new read models are compared: at the live ones, or at the end of a log that was set back behind them. */
  private async targetPosition(): Promise<number> {
    return this.within((await checkpointOf(this.pool, this.live))?.position ?? 0);
  }

  private async within(position: number): Promise<number> {
    return Math.min(position, await this.log.head());
  }

  private async reached(): Promise<number> {
    const filled = await bulkMark(this.pool, this.shadow);
    return filled?.position ?? (await checkpointOf(this.pool, this.shadow))?.position ?? 0;
  }

  /**
   * From nothing up to the position of the live read models, or to the one where an earlier run finished. Does
   * nothing if that was done before.
   */
  private async fill(part: readonly Projection[] | null, { signal, onProgress }: RebuildOptions): Promise<void> {
    const mark = await bulkMark(this.pool, this.shadow);
    if (mark === null) return;
    const [target, start] = [mark.finishedAt ?? (await this.targetPosition()), performance.now()];
    let from: number | undefined;
    const rebuild = new BulkRebuild({
      log: this.log,
      pool: this.pool,
      projections: part ?? this.projections,
      schema: this.shadow,
      searchPath: this.searchPathOf(this.shadow, part),
      signal,
      onProgress: ({ phase, position }) => {
        from ??= position;
        const perMs = (position - from) / (performance.now() - start);
        const isFilling = phase === 'fill' && perMs > 0;
        onProgress?.({
          phase,
          position,
          target,
          eventsPerSecond: isFilling ? Math.round(perMs * 1000) : null,
          secondsLeft: isFilling ? Math.round((target - position) / perMs / 1000) : null,
        });
      },
    });
    await rebuild.run(target);
  }

  /** Projects until the lag behind the live read models is small, or the signal aborts. */
  private async follow(projector: Projector, options: Pick<RebuildOptions, 'signal' | 'onProgress'>): Promise<number> {
    const [from, start] = [await projector.position(), performance.now()];
    for (;;) {
      const target = await this.targetPosition();
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
      if (reached === undefined)
        throw conflict('rebuild_under_way', 'Another process writes to the same schema. Retry when it has finished.');
      if (isAborted(options) || (await this.targetPosition()) - reached < SMALL_LAG) return reached;
    }
  }

  /**
   * The differences at one position. The live read models wait until both are at it and a snapshot of both is taken.
   */
  private async compared(
    client: pg.ClientBase,
    projector: Projector,
    built: readonly Projection[],
    { onProgress, accept }: RebuildOptions,
  ): Promise<{ position: number; comparison: Comparison }> {
    const snapshot = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const position = await this.within(await stopped(client, this.live));
      await projector.projectExactly(position);
      await snapshot.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM ${this.live}.checkpoint`);
      await client.query('COMMIT');
      onProgress?.({ phase: 'compare', position, target: position, eventsPerSecond: null, secondsLeft: null });
      const upTo = typeof accept === 'object' ? accept.upTo : position;
      return { position, comparison: await compareSchemas(snapshot, this.live, this.shadow, built, upTo) };
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
    return swap(client, { live: this.live, next, previous: this.previous }, part, async (live) => {
      const position = await this.within(live);
      await projector.projectExactly(position);
      return position;
    });
  }
}
