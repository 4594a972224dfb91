import { type DomainError, notFound } from '#domain/errors';
import { assertCommittedCurrency } from '#domain/lines/commitment-lines';
import { foldCommitments } from '#domain/plans/commitment';
import {
  type Deployment,
  type DeploymentEvent,
  isCommitmentEvent,
  type Subscription,
} from '#domain/tenants/deployment';
import type { Instant } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { plansOf } from './plans.js';

/**
 * Refuses plans that the subscription would have, in another currency, within the terms of a commitment. Errors:
 * `currency_mismatch`.
 */
export async function assertCommitted(
  core: LedgerCore,
  after: Deployment,
  subscriptionId: string,
  history: readonly DeploymentEvent[],
): Promise<void> {
  const all = foldCommitments(history.filter(isCommitmentEvent));
  const own = all.filter((commitment) => commitment.subscriptionId === subscriptionId);
  const subscription = after.subscriptions.find((each) => each.subscriptionId === subscriptionId);
  if (own.length === 0 || subscription === undefined) return;
  const terms = { assignments: after.assignments, plans: await plansOf(core, subscription) };
  for (const commitment of own) assertCommittedCurrency(subscription, terms, commitment);
}

/** The same of all subscriptions of a deployment that gets another tenant. Errors: `currency_mismatch`. */
export async function assertAllCommitted(
  core: LedgerCore,
  after: Deployment,
  history: readonly DeploymentEvent[],
): Promise<void> {
  for (const { subscriptionId } of after.subscriptions) await assertCommitted(core, after, subscriptionId, history);
}

export function unknownPlanChange({ subscriptionId, from, plans }: Subscription, at: Instant): DomainError {
  const isCorrected = plans.some((each) => each.from === at);
  const remedy =
    from === at
      ? ': it starts then. Use correct-subscription with planId'
      : isCorrected
        ? ' by change-plan: its plans were corrected. Use correct-subscription with plans'
        : '';
  return notFound('unknown_plan_change', `subscription ${subscriptionId} does not change its plan at ${at}${remedy}`);
}

export function unknownCancellation({ subscriptionId, cancelledAt }: Subscription, at: Instant): DomainError {
  const state =
    cancelledAt === null
      ? 'is not cancelled'
      : cancelledAt === at
        ? `ends at ${at} by a correction: use correct-subscription with cancelledAt`
        : `is cancelled at ${cancelledAt}, not at ${at}`;
  return notFound('unknown_cancellation', `subscription ${subscriptionId} ${state}`);
}
