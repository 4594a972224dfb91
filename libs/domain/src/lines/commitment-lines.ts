import { type Commitment, type CommitmentTerm, drawsDown } from '../plans/commitment.js';
import { flatPrice } from '../prices/flat.js';
import { type Subscription, subscriptionPeriods } from '../tenants/deployment.js';
import { earlier, type Instant, isBefore, lastInstantBefore, later } from '../time/instant.js';
import { contains, intersection, type Period } from '../time/period.js';
import {
  billedFrom,
  changesOf,
  type LineDefinition,
  lineIdOf,
  linesOf,
  type LineTerms,
  planVersionAt,
} from './line.js';

/** The billing kind of the line of a commitment. */
export const COMMITMENT = 'commitment';

/** The item key of its lines. */
export const commitmentKey = (commitmentId: string): string => `${COMMITMENT}:${commitmentId}`;

/** What the lines of a subscription depend on, with its commitments. */
export interface AgreedTerms extends LineTerms {
  readonly commitments: readonly Commitment[];
}

/** The lines of a subscription, followed by those of its commitments whose term starts at or before `until`. */
export function linesWithCommitments(
  subscription: Subscription,
  { commitments, ...terms }: AgreedTerms,
  until: Instant,
): LineDefinition[] {
  const lines = linesOf(subscription, terms, until);
  if (commitments.length === 0) return lines;
  const committed = commitments.flatMap((commitment) =>
    commitment.terms.flatMap((term) => {
      const period = chargedFor(subscription, terms, commitment, term);
      return period === null || isBefore(until, period.start) ? [] : [{ commitment, term, period }];
    }),
  );
  const end = committed.reduce((last, { period }) => later(last, period.end), until);
  // What draws down a term may start after `until`.
  const all = end === until ? lines : linesOf(subscription, terms, end);
  return [...lines, ...committed.map((of) => commitmentLine(subscription, terms, { ...of, all }))];
}

/**
 * The charge period of a term: it counts the billing periods that begin in it, while the subscription runs for the
 * tenant. Where the subscription ends early, all of the amount is due then. null: it does not run for the tenant.
 */
function chargedFor(
  subscription: Subscription,
  { assignments, plans, timeZoneOf }: LineTerms,
  { tenantId }: Commitment,
  { start, end }: CommitmentTerm,
): Period | null {
  const timeZone = timeZoneOf(tenantId);
  const changes = changesOf(subscription, plans);
  // The end of the billing period that goes on at the end of the term: where that was agreed on, the two are the same.
  const { next } = billedFrom(subscription, { plans, changes, timeZone }, lastInstantBefore(end));
  const held = subscriptionPeriods(subscription, assignments).flatMap((each) =>
    each.tenantId === tenantId && intersection({ start, end }, each.period) !== null ? [each.period] : [],
  );
  const [first, last] = [held[0], held.at(-1)];
  if (first === undefined || last === undefined) return null;
  return { start: later(start, first.start), end: last.end === null ? next : earlier(next, last.end) };
}

interface Committed {
  readonly commitment: Commitment;
  readonly term: CommitmentTerm;
  readonly period: Period;
  /** The lines of the subscription up to the end of the term. */
  readonly all: readonly LineDefinition[];
}

/** A line that begins in the term counts with all of its charges. Its currency is that of the commitment. */
function commitmentLine(
  subscription: Subscription,
  { plans }: LineTerms,
  { commitment, term, period, all }: Committed,
): LineDefinition {
  const { subscriptionId, deploymentId } = subscription;
  const { commitmentId, tenantId, currency } = commitment;
  const key = commitmentKey(commitmentId);
  const version = planVersionAt(subscription, plans, lastInstantBefore(period.end));
  return {
    // A term that turns out to end elsewhere is another line: what was billed of the old one is reversed.
    lineId: lineIdOf(subscriptionId, tenantId, `${key} until ${period.end}`, period.start),
    ...{ tenantId, subscriptionId, deploymentId, billingKind: COMMITMENT, itemKey: key, currency },
    ...{ aggregation: 'sum', filter: null, uniqueBy: null, period, billingPeriod: period },
    segments: [
      {
        period,
        planId: version?.planId ?? subscription.plans[0]?.planId ?? '',
        planEffectiveFrom: version?.effectiveFrom ?? subscription.from,
        terms: { price: flatPrice('0', 'in_arrears'), commitments: { minimum: term.amount } },
      },
    ],
    counted: all.filter(
      (line) =>
        line.tenantId === tenantId &&
        line.currency === currency &&
        contains(term, line.period.start) &&
        drawsDown(commitment, line.billingKind),
    ),
  };
}
