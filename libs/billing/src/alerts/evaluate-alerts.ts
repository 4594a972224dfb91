import { type EventType, isEventOf } from '#domain/events';
import { alertEvents, alertStream } from '#domain/margin/alert-rule';
import { decideAlerts } from '#domain/margin/alerts';
import { versionsOfTerms } from '#domain/terms/terms';
import { FROM_EVER, type Instant, isBefore, plusHours } from '#domain/time/instant';
import { monthNamed } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { contextFor, type QueryContext } from '#ledger/query';
import { readUnfinishedImport } from '#projections/costs/costs.read';
import { readRaisingRules, readRules, toRule } from '#projections/margin-alerts/margin-alerts.read';
import { marginMonths } from '../costs/margin-month.js';
import { decisionOf, type Evaluated, isSameDay, type Watched } from '../watching/watch.js';
import { judged, type MonthsToJudge } from './judge-rules.js';

/** What an evaluation did. */
export interface AlertEvaluation extends Evaluated {
  readonly raised: number;
  readonly cleared: number;
}

/**
 * Judges what may have changed since an earlier evaluation (null: everything) by all rules, as of the projected
 * position, and records the alerts that are raised now or hold no longer. On a new day, and where a rule changed, it
 * judges everything. Repeated, or done by two workers at once, it records each alert once.
 */
export async function evaluateAlerts(
  core: LedgerCore,
  caller: Caller,
  since: Evaluated | null,
): Promise<AlertEvaluation> {
  const position = await core.projector.position();
  const done = { position, at: caller.now };
  const rules = await rulesAt(core, position);
  if (rules.size === 0) return { ...done, raised: 0, cleared: 0 };
  const isWhole = since === null || since.position > position || !isSameDay(since.at, caller.now);
  const changed = isWhole ? 'all' : await changedSince(core, since.position, position);
  if (changed === 'nothing') return { ...done, raised: 0, cleared: 0 };
  // Alerts are about what only a platform_admin sees.
  const context = contextFor(core, position, { ...caller, role: 'platform_admin' });
  const months = await monthsToJudge(context, changed === 'all' ? null : (since?.position ?? null));
  const { subjects, isEvaluated } = await judged(context, rules, months);
  let [raised, cleared] = [0, 0];
  for (const [alertId, periods] of rules) {
    const call = decisionOf(caller, 'evaluate-alerts', { alertId, position });
    await core.book.decide(alertStream(alertId), call, (events) => {
      const decided = decideAlerts(events.filter(isAlertEvent), {
        ...{ alertId, versions: versionsOfTerms(periods), subjects: subjects.get(alertId) ?? [] },
        ...{ isEvaluated: changed === 'all' ? () => true : isEvaluated, computedAt: position, at: caller.now },
      });
      raised += decided.filter(({ type }) => type === 'AlertRaised').length;
      cleared += decided.filter(({ type }) => type === 'AlertCleared').length;
      return { events: decided };
    });
  }
  return { ...done, raised, cleared };
}

const isAlertEvent = isEventOf(alertEvents);

/** The rules, and those that are no more and have alerts that are raised. */
async function rulesAt(core: LedgerCore, position: number) {
  const rows = Map.groupBy(await readRules(core.db, position), ({ alert_id }) => alert_id);
  const ids = new Set([...rows.keys(), ...(await readRaisingRules(core.db, position))]);
  return new Map([...ids].map((alertId) => [alertId, (rows.get(alertId) ?? []).map(toRule)]));
}

const RULES: readonly EventType[] = ['MarginAlertSet', 'MarginAlertCorrected'];
/** What changes a cost, its holder or revenue. Usage by which cost is shared counts on the next day. */
const FIGURES: readonly EventType[] = [
  ...(['CostRecorded', 'CostCorrected', 'CostWithdrawn', 'CostSharingSet', 'CostSharingCorrected'] as const),
  ...(['InvoiceIssued', 'InvoiceVoided', 'CreditNoteIssued'] as const),
  ...(['DeploymentRegistered', 'DeploymentAssigned', 'DeploymentCorrected'] as const),
  ...(['ResourcesObserved', 'ResourceRemoved', 'ResourceSightingWithdrawn', 'ResourceCorrected'] as const),
];

/** The first event of each sort is enough. */
async function changedSince(core: LedgerCore, first: number, last: number): Promise<'all' | 'some' | 'nothing'> {
  const has = async (types: readonly EventType[]): Promise<boolean> => {
    for await (const { position } of core.log.readAll(first, { types })) return position <= last;
    return false;
  };
  if (await has(RULES)) return 'all';
  return (await has(FIGURES)) ? 'some' : 'nothing';
}

async function monthsToJudge(context: QueryContext, since: number | null): Promise<MonthsToJudge[]> {
  const months = await marginMonths(context, since ?? undefined);
  return [...Map.groupBy(months, ({ currency }) => currency)].map(([currency, of]) => ({
    currency,
    months: of.map(({ month }) => monthNamed(month)),
  }));
}

/** Before any evaluation. */
const FIRST: Evaluated = { position: 0, at: FROM_EVER };

/** An import that takes longer was interrupted, or is so large that alerts do not wait for it. */
const LONGEST_IMPORT_HOURS = 1;

/** Whether the lines of a delivery are being imported. */
async function isImporting(core: LedgerCore, now: Instant): Promise<boolean> {
  const started = await readUnfinishedImport(core.db, await core.projector.position());
  const startedAt = started === null ? null : await core.recordedAt(started);
  return startedAt !== null && isBefore(now, plusHours(startedAt, LONGEST_IMPORT_HOURS));
}

export const ALERTS: Watched = {
  name: 'alerts',
  async evaluate(core, caller, since) {
    // Half a bill would raise alerts that its other half clears.
    if (await isImporting(core, caller.now)) return { ...(since ?? FIRST), said: null };
    const { raised, cleared, position, at } = await evaluateAlerts(core, caller, since);
    return { position, at, said: raised + cleared === 0 ? null : `alerts: ${raised} raised, ${cleared} cleared` };
  },
};
