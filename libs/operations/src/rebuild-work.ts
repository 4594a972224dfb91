import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { errorOf } from '#domain/errors';
import { isUnfinished, type RebuildAsked } from '#domain/operations/rebuild';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { isDomainError } from '#domain/schema';
import type { LedgerCore } from '#ledger/ledger-core';
import { repeatedly } from '#ledger/repeatedly';
import { isNotNow } from '#postgres/connection';
import type { RebuildOptions, RebuildProgress, RebuildReport } from '#read-model/rebuild';
import {
  EXCHANGE,
  type RebuildKnown,
  type RebuildOutcome,
  REBUILDS,
  type ReportAnswer,
  rebuildEventsOf,
  rebuildsKnown,
  UNREADABLE,
  zOutcome,
} from './rebuilds.js';

/** How often a worker looks for a request, and for a cancellation of the one that it carries out. */
const LOOK_MS = 1000;
/** How often progress is kept. */
const PROGRESS_MS = 500;
/** A report is read by people. */
const MOST_SUMS = 500;

/**
 * Carries out the rebuilds and rollbacks that were requested, one after another, until the signal aborts. One that was
 * interrupted is continued by the next worker. With several workers, one of them works.
 */
export async function carryOutRebuilds(
  core: LedgerCore,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  await repeatedly(signal, { name: 'rebuilds', report, rest: () => LOOK_MS }, async () =>
    carryOutNext(core, signal, report),
  );
}

async function allOf(core: LedgerCore): Promise<RebuildKnown[]> {
  return rebuildsKnown(core, rebuildEventsOf((await core.book.loadAt(PROJECTIONS_STREAM)).events));
}

/** It was cancelled after it began: what it built is left. */
const isLeft = ({ state, kept }: RebuildKnown): boolean => state === 'cancelled' && kept !== null && isUnfinished(kept);

const isDue = (known: RebuildKnown): boolean =>
  known.state === 'waiting' || known.state === 'running' || known.state === 'exchanging' || isLeft(known);

/** Carries out the first request that waits, if there is one. */
async function carryOutNext(core: LedgerCore, signal: AbortSignal, report: (message: string) => void): Promise<void> {
  if (!(await allOf(core)).some(isDue)) return;
  const giveBack = await core.takeFree([['requested rebuilds']]);
  if (giveBack === null) return;
  try {
    // Another worker may have carried it out meanwhile.
    const due = (await allOf(core)).find(isDue);
    if (due !== undefined) await carriedOut(core, due, signal, report);
  } finally {
    await giveBack();
  }
}

async function carriedOut(
  core: LedgerCore,
  due: RebuildKnown,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const { asked } = due;
  const { rebuildId, kind } = asked;
  const [before] = await core.outcomes.read(REBUILDS, rebuildId);
  const outcome = before === undefined ? null : (zOutcome.safeParse(before.outcome).data ?? UNREADABLE);
  const keep = async (next: Partial<RebuildOutcome>): Promise<void> =>
    core.outcomes.keep(REBUILDS, rebuildId, {
      ...{ state: 'running', progress: null, report: outcome?.report ?? null, error: null, live: null },
      ...next,
    });
  if (isLeft(due)) {
    if (kind === 'rebuild') await core.rebuilder.abandon();
    await keep({ state: 'cancelled' });
    return;
  }
  if (outcome === UNREADABLE) {
    await keep(UNREADABLE);
    report(`${kind} ${rebuildId} failed: ${UNREADABLE.error ?? ''}`);
    return;
  }
  // A worker ended after the exchange, before it kept this.
  if (outcome?.state === 'exchanging' && (await liveGeneration(core)) !== outcome.live) {
    await keep({ state: kind === 'rollback' ? 'rolled_back' : 'swapped' });
    report(`${kind} ${rebuildId} ended`);
    return;
  }
  const cancelled = new AbortController();
  const ended = new AbortController();
  const watched = asked.isAccepted ? undefined : watchCancellation(core, rebuildId, cancelled, ended.signal);
  const marks = progressMarks(async (progress) => keep({ progress }));
  await keep({});
  report(`${kind} ${rebuildId} begins`);
  let next: Partial<RebuildOutcome> | null = null;
  try {
    next = await workedOn(core, asked, outcome?.report ?? null, {
      signal: AbortSignal.any([signal, cancelled.signal]),
      onProgress: marks.show,
      async beforeExchange() {
        await marks.end();
        await core.exclusively(EXCHANGE, async () => {
          if (!asked.isAccepted && (await isCancelled(core, rebuildId))) cancelled.abort();
          else await keep({ state: 'exchanging', live: await liveGeneration(core) });
        });
        cancelled.signal.throwIfAborted();
      },
    });
    await marks.end();
  } catch (error) {
    await marks.end();
    if (isInterruption(error)) {
      report(`${kind} ${rebuildId} was interrupted`);
      return;
    }
    // It is tried again: another rebuild runs, or the database is away for a moment.
    if (isNotNow(error) || (isDomainError(error) && error.code === 'rebuild_under_way')) throw error;
    if (!cancelled.signal.aborted) await keep({ state: 'failed', error: errorOf(error).message });
    report(`${kind} ${rebuildId} failed: ${errorOf(error).message}`);
    return;
  } finally {
    ended.abort();
    await watched;
  }
  if (next !== null) await keep(next);
  report(`${kind} ${rebuildId} ${next === null ? 'was interrupted' : 'ended'}`);
}

/** Whether it is thrown because the worker stops, or the rebuild was cancelled. */
const isInterruption = (error: unknown): boolean =>
  (error instanceof Error && error.name === 'AbortError') || (isDomainError(error) && error.code === 'interrupted');

const liveGeneration = async (core: LedgerCore): Promise<string | null> =>
  (await core.rebuilder.status()).live?.generation ?? null;

const OTHERS =
  'The differences are no longer those that were accepted, so nothing was exchanged. Request a rebuild, and look at' +
  ' its differences.';

/** What came of it; null: it was interrupted. `seen`: the differences that were accepted. */
async function workedOn(
  core: LedgerCore,
  { kind, projections, isAccepted }: RebuildAsked,
  seen: ReportAnswer | null,
  options: Pick<RebuildOptions, 'signal' | 'onProgress' | 'beforeExchange'>,
): Promise<Partial<RebuildOutcome> | null> {
  if (kind === 'rollback') {
    await core.rebuilder.rollback(options);
    return { state: 'rolled_back' };
  }
  const built = await core.rebuilder.rebuild({
    ...options,
    only: projections,
    ...(isAccepted ? {} : { preview: true }),
    ...(seen === null ? {} : { accept: { upTo: seen.position, isThis: (now) => isSame(reportOf(now), seen) } }),
  });
  const report = reportOf(built);
  switch (built.outcome) {
    case 'interrupted':
      return null;
    case 'previewed':
      return { state: 'compared', report };
    case 'swapped':
      return { state: 'swapped', report };
    case 'refused':
      return { state: 'failed', report, error: OTHERS };
  }
}

const isSame = (now: ReportAnswer, seen: ReportAnswer): boolean =>
  isDeepStrictEqual(differencesIn(now), differencesIn(seen));

/** Without what every event moves: the number of rows, the end of a version, and the sums themselves. */
const differencesIn = ({ tables, money, moneyCount }: ReportAnswer): unknown => ({
  tables: tables.map(({ rows: _rows, examples, ...table }) => ({
    ...table,
    examples: examples.map(({ live, rebuilt }) => [withoutEnd(live), withoutEnd(rebuilt)]),
  })),
  money: money.map(({ live: _live, rebuilt: _rebuilt, ...sum }) => sum),
  moneyCount,
});

const withoutEnd = (row: unknown): unknown => (row === null ? null : { ...rowOf(row), position_to: null });

/** A person may cancel it while it runs. */
async function watchCancellation(
  core: LedgerCore,
  rebuildId: string,
  cancelled: AbortController,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    await delay(LOOK_MS, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return;
    // The database may be away for a moment: the next look tells.
    if (await isCancelled(core, rebuildId).catch(() => false)) cancelled.abort();
  }
}

const isCancelled = async (core: LedgerCore, rebuildId: string): Promise<boolean> =>
  (await allOf(core)).some(({ asked, state }) => asked.rebuildId === rebuildId && state === 'cancelled');

/** Keeps the newest progress, not more often than people look. */
function progressMarks(keep: (progress: RebuildProgress) => Promise<void>): {
  readonly show: (progress: RebuildProgress) => void;
  readonly end: () => Promise<void>;
} {
  let since = -Infinity;
  let last = Promise.resolve();
  return {
    show: (progress) => {
      if (performance.now() - since < PROGRESS_MS) return;
      since = performance.now();
      // What is lost is only how far it is.
      last = last.then(async () => keep(progress)).catch(() => undefined);
    },
    end: async () => last,
  };
}

const reportOf = ({ position, seconds, tables, money }: RebuildReport): ReportAnswer => ({
  position,
  seconds,
  tables: tables.map(({ onlyShadow, examples, ...table }) => ({
    ...table,
    onlyRebuilt: onlyShadow,
    examples: examples.map(({ live, shadow }) => ({ live: rowOf(live), rebuilt: rowOf(shadow) })),
  })),
  money: money.slice(0, MOST_SUMS).map(({ shadow, ...sum }) => ({ ...sum, rebuilt: shadow })),
  moneyCount: money.length,
});

const rowOf = (row: unknown): Record<string, unknown> | null =>
  typeof row === 'object' && row !== null ? Object.fromEntries(Object.entries(row)) : null;
