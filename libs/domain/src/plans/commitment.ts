import { z } from 'zod';
import { canonicalJson } from '../canonical-json.js';
import type { Correction } from '../correction.js';
import { conflict, invalid, notFound } from '../errors.js';
import { decimal, ZERO } from '../money/decimal.js';
import { toMoney } from '../money/money.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import { inYear } from '../time/calendar.js';
import { type Instant, isBefore } from '../time/instant.js';
import { overlaps, type Period } from '../time/period.js';
import { BASE_FEE } from './plan.js';

/**
 * A commitment over several billing periods of a subscription: what a tenant pays at least in each of its terms. The
 * charges of a term draw it down; what lacks is billed when the term ends. Each term of a ramp has an amount of its
 * own.
 */
const termWith = () => z.strictObject({ start: zInstant, end: zInstant, amount: zDecimal });

const commitmentWith = (zId: IdSchema) => ({
  commitmentId: zId,
  subscriptionId: zId,
  deploymentId: zId,
  tenantId: zId,
  currency: zCurrency,
  /** They follow each other without a gap. */
  terms: z.array(termWith()).min(1),
  /** The billing kinds whose charges draw it down. Absent: all but the base fee. */
  billingKinds: z.array(zId).min(1).optional(),
});

// Stored permanently, in the stream of the deployment.
export const commitmentEventsWith = (zId: IdSchema) => ({
  CommitmentSet: z.object(commitmentWith(zId)),
  /** The commitment as it is true now. */
  CommitmentCorrected: z.object({ ...commitmentWith(zId), reason: zText }),
  /** The commitment never was. `withdrawn`: the key of the command that said so. */
  CommitmentWithdrawn: z.object({
    ...{ commitmentId: zId, subscriptionId: zId, deploymentId: zId, tenantId: zId },
    withdrawn: z.string().optional(),
    reason: zText,
  }),
});
export type CommitmentEvent = EventOf<typeof commitmentEventsWith>;

const zCommitment = z.object(commitmentWith(zId));
export type Commitment = z.infer<typeof zCommitment>;
export type CommitmentTerm = Commitment['terms'][number];
export const zCommitmentTerm = termWith();

/** What a command states of a commitment. */
export type StatedCommitment = Omit<Commitment, 'deploymentId'>;

const isOf = (
  { commitmentId, subscriptionId }: Pick<Commitment, 'commitmentId' | 'subscriptionId'>,
  other: Pick<Commitment, 'commitmentId' | 'subscriptionId'>,
): boolean => other.commitmentId === commitmentId && other.subscriptionId === subscriptionId;

/** The commitments on the subscriptions of a deployment, by its events. */
export function foldCommitments(events: Iterable<CommitmentEvent>): readonly Commitment[] {
  let known: readonly Commitment[] = [];
  for (const { type, data } of events) {
    const others = known.filter((each) => !isOf(each, data));
    known = type === 'CommitmentWithdrawn' ? others : [...others, commitmentOf(data)];
  }
  return known;
}

const commitmentOf = ({ billingKinds, ...of }: Commitment): Commitment => ({
  ...{ commitmentId: of.commitmentId, subscriptionId: of.subscriptionId, deploymentId: of.deploymentId },
  ...{ tenantId: of.tenantId, currency: of.currency, terms: of.terms },
  ...(billingKinds === undefined ? {} : { billingKinds }),
});

export const commitmentAmong = (
  commitments: readonly Commitment[],
  key: Pick<Commitment, 'commitmentId' | 'subscriptionId'>,
): Commitment | null => commitments.find((each) => isOf(each, key)) ?? null;

/** Whether the charges of a billing kind draw a commitment down. */
export const drawsDown = ({ billingKinds }: Pick<Commitment, 'billingKinds'>, billingKind: string): boolean =>
  billingKinds === undefined ? billingKind !== BASE_FEE : billingKinds.includes(billingKind);

/** Lines are made up to the end of the last term. A year beyond that is a typo. */
const MAX_YEARS = 50;

/**
 * Refuses terms that can't be billed, and a charge that would draw down two commitments. `others`: the commitments on
 * the deployment. Errors: `invalid_commitment`, `commitment_overlap`.
 */
export function guardCommitment(stated: StatedCommitment, others: readonly Commitment[]): void {
  const { commitmentId, terms, currency, billingKinds = [] } = stated;
  const refuse = (field: string, message: string): never => {
    throw invalid('invalid_commitment', `commitment ${commitmentId}: ${field} ${message}`, [{ field, message }]);
  };
  for (const [index, { start, end, amount }] of terms.entries()) {
    const at = `terms[${index}]`;
    const before = terms[index - 1];
    if (!isBefore(start, end)) refuse(`${at}.end`, `${end} must be after ${start}, where the term starts`);
    if (before !== undefined && before.end !== start)
      refuse(`${at}.start`, `must be ${before.end}, where the term before it ends`);
    if (end > inYear(terms[0]?.start ?? start, MAX_YEARS))
      refuse(`${at}.end`, `${end} is more than ${MAX_YEARS} years after the first term starts: check it`);
    const value = decimal(amount, `${at}.amount`);
    if (value.lt(ZERO) || !value.eq(toMoney(value, currency)))
      refuse(`${at}.amount`, `${amount} must be 0 or more, with the decimals of ${currency}`);
  }
  if (new Set(billingKinds).size < billingKinds.length) refuse('billingKinds', 'names a billing kind twice');
  const other = others.find((each) => !isOf(each, stated) && countsSame(each, stated));
  if (other !== undefined)
    throw conflict(
      'commitment_overlap',
      `commitment ${commitmentId} counts charges that commitment ${other.commitmentId} counts too: give other` +
        ' billingKinds or other terms, or correct that one first',
    );
}

function countsSame(a: Commitment, b: StatedCommitment): boolean {
  if (a.subscriptionId !== b.subscriptionId || a.tenantId !== b.tenantId) return false;
  const kinds = [...(a.billingKinds ?? []), ...(b.billingKinds ?? [])];
  const isShared = kinds.length === 0 || kinds.some((kind) => drawsDown(a, kind) && drawsDown(b, kind));
  return isShared && overlaps(spanOf(a), spanOf(b));
}

/** From the start of the first term to the end of the last one. */
export const spanOf = ({ terms }: Pick<Commitment, 'terms'>): Period => ({
  start: terms[0]?.start ?? ('' as Instant),
  end: terms.at(-1)?.end ?? ('' as Instant),
});

/** Errors: `unknown_commitment`. */
export function correctCommitment(known: Commitment | null, after: Commitment, reason: string): CommitmentEvent[] {
  if (known === null) throw unknownCommitment(after, 'Use set-commitment.');
  return canonicalJson(after) === canonicalJson(known)
    ? []
    : [{ type: 'CommitmentCorrected', data: { ...after, reason } }];
}

/** Errors: `unknown_commitment`. */
export function withdrawCommitment(
  known: Commitment | null,
  key: Pick<Commitment, 'commitmentId' | 'subscriptionId'>,
  correction: Correction,
): CommitmentEvent[] {
  if (known === null) throw unknownCommitment(key, 'There is nothing to withdraw.');
  const { commitmentId, subscriptionId, deploymentId, tenantId } = known;
  return [
    { type: 'CommitmentWithdrawn', data: { commitmentId, subscriptionId, deploymentId, tenantId, ...correction } },
  ];
}

const unknownCommitment = (
  { commitmentId, subscriptionId }: Pick<Commitment, 'commitmentId' | 'subscriptionId'>,
  remedy: string,
) => notFound('unknown_commitment', `subscription ${subscriptionId} has no commitment ${commitmentId}. ${remedy}`);

/**
 * Refuses to withdraw a subscription that has commitments: they would hold again if it were started again. Errors:
 * `subscription_has_commitments`.
 */
export function assertNoCommitments(subscriptionId: string, commitments: readonly Commitment[]): void {
  const ids = commitments.filter((each) => each.subscriptionId === subscriptionId).map((each) => each.commitmentId);
  if (ids.length > 0)
    throw conflict(
      'subscription_has_commitments',
      `subscription ${subscriptionId} has commitments (${ids.join(', ')}), which would hold if it were started again.` +
        ' Withdraw them first (set-commitment)',
    );
}
