import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { zInstant } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { stoppedBy } from '#postgres/stoppable';
import type { Caller } from '#ledger/caller';
import { type CommandCall, sha256 } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { repeatedly } from '#ledger/repeatedly';

/** Up to where something was evaluated: the log position, and the instant. */
export interface Evaluated {
  readonly position: number;
  readonly at: Instant;
}

/** What a worker evaluates whenever something new is projected, and each day. */
export interface Watched {
  /** `budgets`. */
  readonly name: string;
  /**
   * Evaluates what may have changed since (null: all), as of the projected position. Repeated, or done by two workers
   * at once, it must record everything once. `said`: what the log of the worker says of it; null: nothing.
   */
  readonly evaluate: (
    core: LedgerCore,
    caller: Caller,
    since: Evaluated | null,
  ) => Promise<Evaluated & { readonly said: string | null }>;
}

/** How often a worker looks whether something is to be evaluated. What is recorded in between is evaluated together. */
const LOOK_MS = 1000;
/** After an evaluation it rests so many times as long as that took. */
const REST = 2;

const OUTCOME = 'evaluation';
const zEvaluated = z.object({ position: z.number(), at: zInstant });

/** Evaluates it until the signal aborts. */
export async function watch(
  core: LedgerCore,
  watched: Watched,
  {
    signal,
    now,
    report,
  }: { readonly signal: AbortSignal; readonly now: () => Instant; readonly report: (message: string) => void },
): Promise<void> {
  let last: Evaluated | null = null;
  const rest = (elapsedMs: number): number => Math.max(LOOK_MS, elapsedMs * REST);
  await repeatedly(signal, { name: watched.name, report, rest }, async () => {
    last = await stoppedBy(signal, async () => evaluatedNext(core, watched, { at: now(), last, report }));
  });
}

/** The next look. With several workers, one of them evaluates. How far it got is kept last. */
async function evaluatedNext(
  core: LedgerCore,
  { name, evaluate }: Watched,
  {
    at,
    last,
    report,
  }: { readonly at: Instant; readonly last: Evaluated | null; readonly report: (message: string) => void },
): Promise<Evaluated | null> {
  const position = await core.projector.position();
  if (last?.position === position && isSameDay(last.at, at)) return last;
  const giveBack = await core.takeFree([[name]]);
  if (giveBack === null) return last;
  try {
    const [kept] = await core.outcomes.read(OUTCOME, name);
    const since = kept === undefined ? null : zEvaluated.parse(kept.outcome);
    const { said, ...done } = await evaluate(core, { actor: 'scheduler', role: 'operator', now: at }, since);
    await core.outcomes.keep(OUTCOME, name, { position: done.position, at: done.at });
    if (said !== null) report(said);
    return done;
  } finally {
    await giveBack();
  }
}

export const isSameDay = (a: Instant, b: Instant): boolean => a.slice(0, 10) === b.slice(0, 10);

/** What the worker decides by itself: no command has this name. */
export function decisionOf(caller: Caller, name: string, of: object): CommandCall {
  const fields = { ...of, at: caller.now };
  const bodyHash = sha256(canonicalJson({ name, fields }));
  return {
    ...{ name, fields, bodyHash, key: `${name}:${bodyHash}`, isKeyed: false },
    ...{ idempotencyKey: null, occurredAt: null, basedOn: null, caller },
  };
}
