import pMap from 'p-map';
import type { LedgerEvent } from '#domain/events';
import { type Appended, NO_STREAM } from '#event-store/port';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { instant } from '#domain/time/instant';
import type { Bound, Held } from './bounds.js';

/**
 * What a bench found at one size. Figures are decimals or counts; a ratio is against a limit measured in the same run.
 */
export interface Measured {
  readonly name: string;
  readonly size: number;
  readonly ratios: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, number>>;
  /** Counts and sums were compared with what they must be; where they differ, the bench fails. */
  readonly checked: boolean;
  /** Those that count at this size; where one does not hold, the bench fails. */
  readonly bounds: readonly Held[];
}

/** eventstoredb: a node in memory, or the server of EVENT_STORE_URL. */
export type LogKind = 'postgres' | 'eventstoredb';

export interface Bench {
  readonly name: string;
  /** What it measures, in a line. */
  readonly summary: string;
  /** The size unless one is given. */
  readonly size: number;
  readonly bounds?: readonly Bound[];
  /** `log`: where the log is, for benches that tell them apart. */
  measure(
    size: number,
    say: (message: string) => void,
    log: LogKind,
  ): Promise<Omit<Measured, 'name' | 'size' | 'bounds'>>;
}

export const BENCHER: Caller = { actor: 'bench', role: 'platform_admin', now: instant('2026-06-01T00:00:00Z') };

/** Records facts in a new stream, as the commands would, and without deciding on them. */
export function appendingTo({ book }: LedgerCore): (stream: string, ...events: LedgerEvent[]) => Promise<Appended> {
  const cause = {
    name: 'bench',
    key: null,
    bodyHash: '',
    occurredAt: null,
    isKeyed: false,
    idempotencyKey: null,
    caller: BENCHER,
  };
  return (stream, ...events) => book.appendAt(stream, NO_STREAM, cause, events);
}

/** Milliseconds that some work takes. */
export async function timed<Result>(work: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** To three significant digits: more would be noise. */
export const figure = (value: number): number => Number(value.toPrecision(3));

/** A figure that is not what it must be makes all others worthless. */
export function mustBe(what: string, actual: unknown, expected: unknown): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (found !== wanted) throw new Error(`${what}: ${found}, and not ${wanted}`);
}

const AT_ONCE = 400;

/** Works on many items at a time. */
export async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  await pMap(items, work, { concurrency: AT_ONCE });
}
