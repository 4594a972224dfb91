import { invalid } from '../errors.js';
import { type Commitment, type CommitmentTerm, drawsDown, spanOf, type StatedCommitment } from '../plans/commitment.js';
import { BASE_FEE, COMMITMENT, type PlanVersion } from '../plans/plan.js';
import { flatPrice } from '../prices/flat.js';
import { type Subscription, subscriptionPeriods } from '../tenants/deployment.js';
import { earlier, type Instant, isBefore, lastInstantBefore, later, micros } from '../time/instant.js';
import { contains, intersection, overlaps, type Period } from '../time/period.js';
import {
  billedFrom,
  changesOf,
  type LineDefinition,
  lineIdOf,
  linesOf,
  type LineTerms,
  planVersionAt,
  planVersionsWithin,
} from './line.js';

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
      const billed = billedTerm(subscription, terms, commitment, term);
      return billed === null || isBefore(until, billed.charged.start) ? [] : [{ commitment, term, ...billed }];
    }),
  );
  const end = committed.reduce((last, { charged }) => later(last, charged.end), until);
  // What draws down a term may start after `until`.
  const all = end === until ? lines : linesOf(subscription, terms, end);
  return [...lines, ...committed.map((of) => commitmentLine(subscription, terms, { ...of, all }))];
}

/** The terms of plans that a subscription has within the terms of a commitment, while it is of its tenant. */
function committedVersions(
  subscription: Subscription,
  { assignments, plans }: Pick<LineTerms, 'assignments' | 'plans'>,
  commitment: StatedCommitment,
): readonly PlanVersion[] {
  const span = spanOf(commitment);
  const held = subscriptionPeriods(subscription, assignments).flatMap(({ tenantId, period }) => {
    const common = tenantId === commitment.tenantId ? intersection(span, period) : null;
    return common === null ? [] : [common];
  });
  return planVersionsWithin(subscription, plans, held);
}

/** Refuses a commitment and a plan, in its terms, in different currencies. Errors: `currency_mismatch`. */
export function assertCommittedCurrency(...of: Parameters<typeof committedVersions>): void {
  const [{ subscriptionId }, , { commitmentId, currency }] = of;
  const other = committedVersions(...of).find((version) => version.currency !== currency);
  if (other !== undefined)
    throw invalid(
      'currency_mismatch',
      `plan ${other.planId}, which subscription ${subscriptionId} has within the terms of commitment` +
        ` ${commitmentId}, is in ${other.currency}, the commitment in ${currency}: nothing is converted. End the` +
        ' terms where the currency changes. To correct both plan and commitment, withdraw the commitment first',
      [{ field: 'currency', message: `is not ${other.currency}, the currency of plan ${other.planId}` }],
    );
}

/** Refuses billing kinds that no plan in the terms of the commitment has. Errors: `unknown_billing_kind`. */
export function assertCommittedKinds(...of: Parameters<typeof committedVersions>): void {
  const [, , { commitmentId, billingKinds = [] }] = of;
  const versions = committedVersions(...of);
  const known = [...new Set([BASE_FEE, ...versions.flatMap(({ items }) => items.map((item) => item.billingKind))])];
  const errors = billingKinds.flatMap((kind, index) =>
    known.includes(kind)
      ? []
      : [{ field: `billingKinds[${index}]`, message: `${kind} is in no plan of the subscription in these terms` }],
  );
  if (errors.length > 0)
    throw invalid(
      'unknown_billing_kind',
      `commitment ${commitmentId}: ${errors.map(({ field, message }) => `${field} ${message}`).join('; ')}. Give some` +
        ` of ${known.join(', ')}`,
      errors,
    );
}

/** A term as it is billed. */
interface BilledTerm {
  /** The billing periods of the term: charges that begin in it draw it down. null: none starts in it. */
  readonly span: Period | null;
  /**
   * The part of it in which the subscription runs for the tenant. Where that ends early, all of the amount is due then.
   */
  readonly charged: Period;
}

/**
 * Each bound of a term is where a billing period starts, as was agreed. If billing periods turn out to lie elsewhere
 * (another time zone or anchor), it is the nearest of their starts, so that a term from April to June stays one: with
 * clocks in Berlin, 1 April 00:00 UTC is 31 March 22:00 UTC. null: the subscription does not run for the tenant in it.
 */
function billedTerm(
  subscription: Subscription,
  { assignments, plans, timeZoneOf }: LineTerms,
  { tenantId }: Commitment,
  term: CommitmentTerm,
): BilledTerm | null {
  const billed = { plans, changes: changesOf(subscription, plans), timeZone: timeZoneOf(tenantId) };
  const held = subscriptionPeriods(subscription, assignments).flatMap((each) =>
    each.tenantId === tenantId ? [each.period] : [],
  );
  const boundAt = (at: Instant): Instant =>
    nearest(at, [...periodsAround(subscription, billed, at), ...held.map(({ start }) => start)]);
  const [start, end] = [boundAt(term.start), boundAt(term.end)];
  const span = isBefore(start, end) ? { start, end } : null;
  const whole = span ?? term;
  const within = held.filter((each) => overlaps(each, whole));
  const [first, last] = [within[0], within.at(-1)];
  if (first === undefined || last === undefined) return null;
  const charged = { start: later(whole.start, first.start), end: earlier(whole.end, last.end ?? whole.end) };
  return { span, charged };
}

/** Where billing periods start around an instant: at or before it, and after it. */
function periodsAround(subscription: Subscription, billed: Parameters<typeof billedFrom>[1], at: Instant): Instant[] {
  let { start } = billedFrom(subscription, billed, at).billingPeriod;
  // A plan with another interval may have begun a period of its own within it.
  for (;;) {
    const { next } = billedFrom(subscription, billed, start);
    if (isBefore(at, next)) return [start, next];
    start = next;
  }
}

const distance = (a: Instant, b: Instant): bigint => {
  const apart = micros(a) - micros(b);
  return apart < 0n ? -apart : apart;
};

const nearest = (at: Instant, instants: readonly Instant[]): Instant =>
  instants.reduce((best, each) => (distance(each, at) < distance(best, at) ? each : best), instants[0] ?? at);

interface Committed extends BilledTerm {
  readonly commitment: Commitment;
  readonly term: CommitmentTerm;
  /** The lines of the subscription up to the end of the term. */
  readonly all: readonly LineDefinition[];
}

/** A line that begins in the term counts with all of its charges. Its currency is that of the commitment. */
function commitmentLine(
  subscription: Subscription,
  { plans }: LineTerms,
  { commitment, term, span, charged: period, all }: Committed,
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
    term: { start: term.start, end: term.end, hasPeriods: span !== null },
    counted: all.filter(
      (line) =>
        line.tenantId === tenantId &&
        span !== null &&
        contains(span, line.period.start) &&
        drawsDown(commitment, line.billingKind),
    ),
  };
}
