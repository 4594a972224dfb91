import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { zInstant } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { stoppedBy } from '#postgres/stoppable';
import type { Caller } from '#ledger/caller';
import { type CommandCall, sha256 } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { repeatedly } from '#ledger/repeatedly';
import { readKeeper } from '#projections/margins/kept-costs.read';
import { isSameLog, markAt } from '#read-model/same-log';

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
/** With the mark of the log at the position. An earlier program kept none. */
const zEvaluated = z.object({
  position: z.number(),
  at: zInstant,
  eventHash: z.string().nullable().default(null),
  log: z.string().nullable().default(null),
});

/** What was evaluated last, and from which read models. */
interface Looked extends Evaluated {
  readonly madeBy: string;
}

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
  let last: Looked | null = null;
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
  }: { readonly at: Instant; readonly last: Looked | null; readonly report: (message: string) => void },
): Promise<Looked | null> {
  const { position, madeBy } = await readKeeper(core.db);
  if (last?.position === position && last.madeBy === madeBy && isSameDay(last.at, at)) return last;
  const giveBack = await core.takeFree([[name]]);
  if (giveBack === null) return last;
  try {
    const [kept] = await core.outcomes.read(OUTCOME, name);
    const since = kept === undefined ? null : await sinceOn(core, name, zEvaluated.parse(kept.outcome), report);
    const { said, ...done } = await evaluate(core, { actor: 'scheduler', role: 'operator', now: at }, since);
    await core.outcomes.keep(OUTCOME, name, { ...(await markAt(core.log, done.position)), at: done.at });
    if (said !== null) report(said);
    return { ...done, madeBy };
  } finally {
    await giveBack();
  }
}

/** Up to where it was evaluated on this log. null: it was another log, or it was set back since. */
async function sinceOn(
  core: LedgerCore,
  name: string,
  kept: z.infer<typeof zEvaluated>,
  report: (message: string) => void,
): Promise<Evaluated | null> {
  if (await isSameLog(core.log, kept)) return kept;
  report(
    `${name}: the log was replaced: its event ${kept.position} is not the one up to which they were evaluated. All` +
      ' are evaluated again.',
  );
  return null;
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
