import type { RecordedEvent } from '#domain/events';
import { exactMoney } from '#domain/margin/margin';
import { decimal } from '#domain/money/decimal';
import type { Caller } from '#ledger/caller';
import { evaluateAlerts } from '../alerts/evaluate-alerts.js';
import { evaluateBudgets } from '../budgets/evaluate-budgets.js';
import type { Trial } from './trial.js';

/** A threshold of a budget that the worker would record as reached, or as undone. */
export interface PreviewedThreshold {
  readonly tenantId: string;
  readonly budgetId: string;
  readonly month: string;
  /** Percent. */
  readonly threshold: string;
  readonly change: 'reached' | 'undone';
  /** null: there is no such budget in the month any more. */
  readonly value: string | null;
  readonly limit: string | null;
}

/** An alert that the worker would raise or clear. */
export interface PreviewedAlert {
  readonly alertId: string;
  readonly period: string;
  readonly currency: string;
  readonly tenantId: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
  readonly change: 'raised' | 'cleared';
  readonly value: string | null;
}

/** What the worker would record next of the budgets and rules that the commands of a trial set or correct. */
export interface Crossings {
  /** Absent: no budget is changed. */
  readonly thresholds?: readonly PreviewedThreshold[];
  /** Absent: no rule is changed. */
  readonly alerts?: readonly PreviewedAlert[];
}

/** Evaluates the changed budgets and rules as the worker does, in the trial. */
export async function crossingsOf(trial: Trial, caller: Caller): Promise<Crossings> {
  const events = trial.events();
  const budgets = new Set(events.flatMap((event) => (isBudget(event) ? [keyOf(event.data)] : [])));
  const rules = new Set(events.flatMap((event) => (isRule(event) ? [event.data.alertId] : [])));
  if (budgets.size > 0) await evaluateBudgets(trial.core, caller, null);
  if (rules.size > 0) await evaluateAlerts(trial.core, caller, null);
  const recorded = trial.events().slice(events.length);
  return {
    ...(budgets.size === 0
      ? {}
      : { thresholds: recorded.flatMap((event) => thresholdOf(event)).filter((each) => budgets.has(keyOf(each))) }),
    ...(rules.size === 0
      ? {}
      : { alerts: recorded.flatMap((event) => alertOf(event)).filter(({ alertId }) => rules.has(alertId)) }),
  };
}

const isBudget = (event: RecordedEvent): event is RecordedEvent<'BudgetSet' | 'BudgetCorrected'> =>
  event.type === 'BudgetSet' || event.type === 'BudgetCorrected';
const isRule = (event: RecordedEvent): event is RecordedEvent<'MarginAlertSet' | 'MarginAlertCorrected'> =>
  event.type === 'MarginAlertSet' || event.type === 'MarginAlertCorrected';

const keyOf = ({ tenantId, budgetId }: { readonly tenantId: string; readonly budgetId: string }): string =>
  JSON.stringify([tenantId, budgetId]);

function thresholdOf({ type, data }: RecordedEvent): PreviewedThreshold[] {
  if (type !== 'BudgetThresholdReached' && type !== 'BudgetThresholdUndone') return [];
  const { tenantId, budgetId, month, threshold, value, limit, currency } = data;
  const change = type === 'BudgetThresholdReached' ? 'reached' : 'undone';
  const shown = (of: string | null): string | null =>
    of === null || currency === null ? of : exactMoney(decimal(of), currency);
  return [{ tenantId, budgetId, month, threshold, change, value: shown(value), limit: shown(limit) }];
}

function alertOf({ type, data }: RecordedEvent): PreviewedAlert[] {
  if (type !== 'AlertRaised' && type !== 'AlertCleared') return [];
  const { alertId, period, currency, tenantId, provider, kind, value } = data;
  const change = type === 'AlertRaised' ? 'raised' : 'cleared';
  return [{ alertId, period, currency, tenantId, provider, kind, change, value }];
}
