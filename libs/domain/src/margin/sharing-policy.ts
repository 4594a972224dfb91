import { z } from 'zod';
import type { Correction } from '../correction.js';
import { compareText } from '../compare-text.js';
import { conflict, type DomainError, type FieldError, invalid, notFound } from '../errors.js';
import { decimal, sum, text, ZERO } from '../money/decimal.js';
import {
  correctionFields,
  type EventDataOf,
  type EventOf,
  type IdSchema,
  zDecimal,
  zId,
  zInstant,
  zText,
} from '../schema.js';
import { firstDifference } from '../time/dated.js';
import { compareInstants, isBefore } from '../time/instant.js';
import { assertEffective, type OpenPeriod, overlaps, periodText } from '../time/period.js';
import { factsOfTerms, termsInForce, type TermsVersion, versionsOf, withTermsOver } from '../time/terms.js';

/** All decisions about shared cost. They are in one stream, because they are checked against each other. */
export const SHARED_COSTS_STREAM = 'shared-costs';

export const SHARING_METHODS = ['none', 'even', 'direct_cost', 'usage', 'revenue', 'weights'] as const;
export type SharingMethod = (typeof SHARING_METHODS)[number];

const termsWith = (zId: IdSchema) => ({
  costs: z
    .strictObject({
      provider: zId.optional(),
      kind: zId.describe('The provider’s kind').optional(),
      tag: z
        .strictObject({ key: zText.min(1).describe('Its key'), value: zText.describe('Its value') })
        .describe('A tag of the line, as its details have it')
        .optional(),
      unattributed: z.literal(true).describe('Only cost that no tenant held').optional(),
    })
    .describe('The cost lines that are shared: all that is given must match'),
  method: z
    .enum(SHARING_METHODS)
    .describe('Not at all, evenly, or in proportion to direct cost, usage of a billing kind, revenue or weights'),
  billingKind: zId.describe('For method usage: the billing kind whose quantities count').optional(),
  weights: z
    .array(z.strictObject({ tenantId: zId, percent: zDecimal.describe('Above 0. All weights come to 100') }))
    .describe('For method weights: the tenants and their percentages')
    .optional(),
});
export const zSharingTerms = z.strictObject(termsWith(zId));
export type SharingTerms = z.infer<typeof zSharingTerms>;

// Stored permanently.
export const sharingEventsWith = (zId: IdSchema) => ({
  CostSharingSet: z.object({
    policyId: zId,
    ...termsWith(zId),
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
  }),
  /** The policy as it is true now. */
  CostSharingCorrected: z.object({
    policyId: zId,
    /** From each instant until the next: the terms, or null where the policy is not in force. */
    versions: z.array(z.object({ from: zInstant, terms: z.strictObject(termsWith(zId)).nullable() })),
    /** The terms that the correction states, and their period. Absent: it withdraws. */
    stated: z.object({ terms: z.strictObject(termsWith(zId)), from: zInstant, until: zInstant.nullable() }).optional(),
    ...correctionFields,
  }),
});
export const sharingEvents = sharingEventsWith(zId);
export type SharingEvent = EventOf<typeof sharingEventsWith>;

/** From an instant until the next version: the terms of a policy, or null where it is not in force. */
export type SharingVersion = TermsVersion<SharingTerms>;

/** A policy over a period in which its terms do not change. */
export interface SharingPolicy extends SharingTerms {
  readonly policyId: string;
  readonly period: OpenPeriod;
}

/** The versions of each policy. */
export type Sharing = ReadonlyMap<string, readonly SharingVersion[]>;

export function foldSharing(events: Iterable<SharingEvent>): Sharing {
  const sharing = new Map<string, readonly SharingVersion[]>();
  for (const event of events)
    sharing.set(event.data.policyId, evolveSharing(sharing.get(event.data.policyId) ?? [], event));
  return sharing;
}

/** A policy's versions after an event of it. */
export function evolveSharing(versions: readonly SharingVersion[], event: SharingEvent): readonly SharingVersion[] {
  if (event.type === 'CostSharingCorrected') return event.data.versions;
  const { effectiveFrom: from, effectiveUntil: until, ...data } = event.data;
  return withTermsOver(versions, { terms: termsOf(data), from, until });
}

/**
 * A policy's versions as they would be recorded without some of its events. Corrections stay, over the periods that
 * they state. What earlier withdrawals came to is computed again.
 */
export function foldPolicyWithout(
  events: Iterable<SharingEvent>,
  never: ReadonlySet<SharingEvent>,
): readonly SharingVersion[] {
  let versions: readonly SharingVersion[] = [];
  for (const event of events) {
    if (never.has(event)) continue;
    if (event.type === 'CostSharingSet') versions = evolveSharing(versions, event);
    else if (event.data.stated !== undefined) versions = withTermsOver(versions, event.data.stated);
  }
  return versions;
}

/** The terms without other fields. What is absent stays absent. */
export const termsOf = ({ costs, method, billingKind, weights }: SharingTerms): SharingTerms => ({
  costs,
  method,
  ...(billingKind === undefined ? {} : { billingKind }),
  ...(weights === undefined ? {} : { weights }),
});

export type StatedTerms = NonNullable<EventDataOf<typeof sharingEventsWith, 'CostSharingCorrected'>['stated']>;

/** The policies with their periods, in the order in which they are asked for a cost: by their ids. */
export const policiesOf = (sharing: Sharing): SharingPolicy[] =>
  [...sharing]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([policyId, versions]) =>
      termsInForce(versions).map(({ terms, period }) => ({ policyId, period, ...terms })),
    );

/** The versions of policies, with the gaps between their periods. */
export function sharingOf(policies: readonly SharingPolicy[]): Sharing {
  const inOrder = [...policies].sort((a, b) => compareInstants(a.period.start, b.period.start));
  return new Map(
    [...Map.groupBy(inOrder, ({ policyId }) => policyId)].map(([policyId, of]) => [
      policyId,
      versionsOf(of.map(({ period, ...policy }) => ({ terms: termsOf(policy), period }))),
    ]),
  );
}

/** The policies if the terms of one were set. Errors: those of `setSharing`. */
export function policiesWith(
  policies: readonly SharingPolicy[],
  policyId: string,
  stated: StatedTerms,
): SharingPolicy[] {
  const sharing = sharingOf(policies);
  setSharing(sharing, policyId, stated);
  return policiesOf(new Map([...sharing, [policyId, withTermsOver(sharing.get(policyId) ?? [], stated)]]));
}

/** Sets the terms of a policy. Errors: `invalid_sharing`, `empty_period`, `sharing_overlap`. */
export function setSharing(sharing: Sharing, policyId: string, { terms, from, until }: StatedTerms): SharingEvent[] {
  assertTerms(terms);
  assertEffective(from, until);
  const versions = withTermsOver(sharing.get(policyId) ?? [], { terms, from, until });
  assertReached(new Map([...sharing, [policyId, versions]]), policyId);
  return [
    { type: 'CostSharingSet', data: { policyId, ...termsOf(terms), effectiveFrom: from, effectiveUntil: until } },
  ];
}

/**
 * Corrects the terms of a policy over a period. Nothing happens if they are right already. Errors: `unknown_sharing`,
 * and those of `setSharing`.
 */
export function correctSharing(
  sharing: Sharing,
  policyId: string,
  stated: StatedTerms,
  { reason }: Correction,
): SharingEvent[] {
  assertTerms(stated.terms);
  assertEffective(stated.from, stated.until);
  const before = sharing.get(policyId);
  if (before === undefined)
    throw notFound('unknown_sharing', `cost-sharing policy ${policyId} was never set: use set-cost-sharing`);
  const after = withTermsOver(before, { ...stated, terms: termsOf(stated.terms) });
  if (JSON.stringify(after) === JSON.stringify(before)) return [];
  return [correctedTo(sharing, policyId, after, { reason }, stated)];
}

/** What is left of a policy without what a command set. Errors: `sharing_overlap`. */
export const withdrawSharing = (
  sharing: Sharing,
  policyId: string,
  after: readonly SharingVersion[],
  correction: Correction,
): SharingEvent[] => [correctedTo(sharing, policyId, after, correction)];

function correctedTo(
  sharing: Sharing,
  policyId: string,
  after: readonly SharingVersion[],
  correction: Correction,
  stated?: StatedTerms,
): SharingEvent {
  assertReached(new Map([...sharing, [policyId, after]]), policyId);
  const data = {
    policyId,
    versions: [...after],
    ...(stated === undefined ? {} : { stated: { ...stated, terms: termsOf(stated.terms) } }),
    changedFrom: firstDifference(factsOfTerms(sharing.get(policyId) ?? []), factsOfTerms(after)),
    ...correction,
  };
  return { type: 'CostSharingCorrected', data };
}

/** Errors: `invalid_sharing`. */
function assertTerms({ costs, method, billingKind, weights }: SharingTerms): void {
  const errors: FieldError[] = [
    ...(Object.values(costs).every((each) => each === undefined)
      ? [{ field: 'costs', message: 'must have at least one of provider, kind, tag, unattributed' }]
      : []),
    ...onlyFor('usage', 'billingKind', method, billingKind),
    ...onlyFor('weights', 'weights', method, weights),
    ...(weights === undefined ? [] : faultsOfWeights(weights)),
  ];
  const [first] = errors;
  if (first !== undefined) throw invalid('invalid_sharing', `${first.field}: ${first.message}`, errors);
}

function onlyFor(needs: SharingMethod, field: string, method: SharingMethod, value: unknown): FieldError[] {
  if (method === needs) return value === undefined ? [{ field, message: `is missing: method ${method} needs it` }] : [];
  return value === undefined ? [] : [{ field, message: `is only for method ${needs}` }];
}

function faultsOfWeights(weights: NonNullable<SharingTerms['weights']>): FieldError[] {
  const faults = weights.flatMap(({ tenantId, percent }, index): FieldError[] => [
    ...(decimal(percent).lte(ZERO) ? [{ field: `weights[${index}].percent`, message: 'must be above 0' }] : []),
    ...(weights.findIndex((other) => other.tenantId === tenantId) < index
      ? [{ field: `weights[${index}].tenantId`, message: 'is a duplicate' }]
      : []),
  ]);
  const total = sum(weights.map(({ percent }) => decimal(percent)));
  return total.eq(decimal('100'))
    ? faults
    : [...faults, { field: 'weights', message: `must come to 100 %, not ${text(total)} %` }];
}

/**
 * Each cost is shared at most once: the first policy by id that matches it takes it. So a policy with an earlier id
 * that matches all that another one matches leaves nothing to it, which is refused. Errors: `sharing_overlap`.
 */
function assertReached(sharing: Sharing, changed: string): void {
  const policies = policiesOf(sharing);
  for (const [index, later] of policies.entries()) {
    const first = policies
      .slice(0, index)
      .find(
        (each) =>
          each.policyId !== later.policyId &&
          [each.policyId, later.policyId].includes(changed) &&
          overlaps(each.period, later.period) &&
          covers(each.costs, later.costs),
      );
    if (first !== undefined) throw overlapOf(first, later);
  }
}

const overlapOf = (first: SharingPolicy, other: SharingPolicy): DomainError =>
  conflict(
    'sharing_overlap',
    `policy ${first.policyId} takes all the cost that policy ${other.policyId} is for, over ` +
      `${periodText(commonOf(first.period, other.period))}: the first policy by id applies. Give the ` +
      `narrower one an earlier id, or let one end where the other begins`,
  );

const commonOf = (a: OpenPeriod, b: OpenPeriod): OpenPeriod => ({
  start: isBefore(a.start, b.start) ? b.start : a.start,
  end: a.end === null || (b.end !== null && isBefore(b.end, a.end)) ? b.end : a.end,
});

/** Whether all cost that `b` selects is selected by `a` too. */
const covers = (a: SharingTerms['costs'], b: SharingTerms['costs']): boolean =>
  (a.provider === undefined || a.provider === b.provider) &&
  (a.kind === undefined || a.kind === b.kind) &&
  (a.tag === undefined || (a.tag.key === b.tag?.key && a.tag.value === b.tag.value)) &&
  (a.unattributed === undefined || b.unattributed === true);
