import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { errorOf } from '#domain/errors';
import { zInstant } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { stoppedBy } from '#postgres/stoppable';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { type BudgetsEvaluated, evaluateBudgets } from './evaluate-budgets.js';

/** How often a worker looks whether budgets are to be evaluated. What is recorded in between is evaluated together. */
const LOOK_MS = 1000;
/** After an evaluation it rests so many times as long as that took. */
const REST = 2;

const OUTCOME = 'evaluation';
const BUDGETS = 'budgets';
const zEvaluated = z.object({ position: z.number(), at: zInstant });

/** Evaluates budgets whenever something new is projected, and each day, until the signal aborts. */
export async function watchBudgets(
  core: LedgerCore,
  signal: AbortSignal,
  now: () => Instant,
  report: (message: string) => void,
): Promise<void> {
  let [trouble, last]: [string, BudgetsEvaluated | null] = ['', null];
  while (!signal.aborted) {
    const start = performance.now();
    try {
      last = await stoppedBy(signal, async () => evaluatedNext(core, now(), last, report));
      trouble = '';
    } catch (error) {
      if (signal.aborted) return;
      const { message } = errorOf(error);
      if (message !== trouble) report(`budgets: ${message}`);
      trouble = message;
    }
    const rest = Math.max(LOOK_MS, (performance.now() - start) * REST);
    await delay(rest, undefined, { signal }).catch(() => undefined);
  }
}

/** The next look. With several workers, one of them evaluates. */
async function evaluatedNext(
  core: LedgerCore,
  at: Instant,
  last: BudgetsEvaluated | null,
  report: (message: string) => void,
): Promise<BudgetsEvaluated | null> {
  const position = await core.projector.position();
  if (last?.position === position && last.at.slice(0, 10) === at.slice(0, 10)) return last;
  const giveBack = await core.takeFree([['budgets']]);
  if (giveBack === null) return last;
  try {
    const caller: Caller = { actor: 'scheduler', role: 'operator', now: at };
    const [kept] = await core.outcomes.read(OUTCOME, BUDGETS);
    const done = await evaluateBudgets(core, caller, kept === undefined ? null : zEvaluated.parse(kept.outcome));
    await core.outcomes.keep(OUTCOME, BUDGETS, { position: done.position, at: done.at });
    if (done.reached + done.undone > 0) report(`budgets: ${done.reached} thresholds reached, ${done.undone} undone`);
    return done;
  } finally {
    await giveBack();
  }
}
