import { z } from 'zod';
import { compareText } from '../compare-text.js';
import { conflict, type DomainError, type FieldError, invalid } from '../errors.js';
import { decimal, sum, text, ZERO } from '../money/decimal.js';
import { type EventOf, type IdSchema, zDecimal, zId, zInstant, zText } from '../schema.js';
import {
  correctedFields,
  evolveTerms,
  periodsOfTerms,
  type StatedTerms,
  type TermsData,
  type TermsVersion,
  versionsOfTerms,
  withTermsOver,
} from '../terms/terms.js';
import { assertEffective, intersection, type OpenPeriod, periodText } from '../time/period.js';

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
  capacity: zDecimal
    .describe('For method usage: the quantity that the cost of a UTC month pays for. What nobody used of it is idle')
    .optional(),
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
  CostSharingCorrected: z.object({ policyId: zId, ...correctedFields(z.strictObject(termsWith(zId))) }),
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

/** What an event says of the terms of its policy. */
export const sharingData = ({ type, data }: SharingEvent): TermsData<SharingTerms> =>
  type === 'CostSharingCorrected' ? data : { ...data, terms: termsOf(data) };

export function foldSharing(events: Iterable<SharingEvent>): Sharing {
  const sharing = new Map<string, readonly SharingVersion[]>();
  for (const event of events)
    sharing.set(event.data.policyId, evolveTerms(sharing.get(event.data.policyId) ?? [], sharingData(event)));
  return sharing;
}

/** The terms without other fields. What is absent stays absent. */
export const termsOf = ({ costs, method, billingKind, capacity, weights }: SharingTerms): SharingTerms => ({
  costs,
  method,
  ...(billingKind === undefined ? {} : { billingKind }),
  ...(capacity === undefined ? {} : { capacity }),
  ...(weights === undefined ? {} : { weights }),
});

/** The policies with their periods, in the order in which they are asked for a cost: by their ids. */
export const policiesOf = (sharing: Sharing): SharingPolicy[] =>
  [...sharing]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([policyId, versions]) =>
      periodsOfTerms(versions).map(({ terms, period }) => ({ policyId, period, ...terms })),
    );

/** The versions of policies, with the gaps between their periods. */
export const sharingOf = (policies: readonly SharingPolicy[]): Sharing =>
  new Map(
    [...Map.groupBy(policies, ({ policyId }) => policyId)].map(([policyId, of]) => [
      policyId,
      versionsOfTerms(of.map(({ period, ...policy }) => ({ terms: termsOf(policy), period }))),
    ]),
  );

/** The policies if the terms of one were set. Errors: those of `setSharing`. */
export function policiesWith(
  policies: readonly SharingPolicy[],
  policyId: string,
  stated: StatedTerms<SharingTerms>,
): SharingPolicy[] {
  const sharing = sharingOf(policies);
  setSharing(sharing, policyId, stated);
  return policiesOf(new Map([...sharing, [policyId, withTermsOver(sharing.get(policyId) ?? [], stated)]]));
}

/** Sets the terms of a policy. Errors: those of `assertSharing`, `sharing_overlap`. */
export function setSharing(sharing: Sharing, policyId: string, stated: StatedTerms<SharingTerms>): SharingEvent[] {
  assertSharing(stated);
  const { terms, from, until } = stated;
  assertReached(sharing, policyId, withTermsOver(sharing.get(policyId) ?? [], { terms, from, until }));
  return [
    { type: 'CostSharingSet', data: { policyId, ...termsOf(terms), effectiveFrom: from, effectiveUntil: until } },
  ];
}

/** Errors: `invalid_sharing`, `empty_period`. */
export function assertSharing({ terms, from, until }: StatedTerms<SharingTerms>): void {
  assertTerms(terms);
  assertEffective(from, until);
}

/** Errors: `invalid_sharing`. */
function assertTerms({ costs, method, billingKind, capacity, weights }: SharingTerms): void {
  const errors: FieldError[] = [
    ...(Object.values(costs).every((each) => each === undefined)
      ? [{ field: 'costs', message: 'must have at least one of provider, kind, tag, unattributed' }]
      : []),
    ...onlyFor('usage', 'billingKind', method, billingKind),
    ...(method === 'usage' ? [] : onlyFor('usage', 'capacity', method, capacity)),
    ...(capacity !== undefined && decimal(capacity).lte(ZERO)
      ? [{ field: 'capacity', message: 'must be above 0' }]
      : []),
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
 * Each cost is shared at most once: the first policy by id that matches it takes it. So, with the versions that one of
 * them is to have, a policy with an earlier id that matches all that another one matches leaves nothing to it, which is
 * refused. Errors: `sharing_overlap`.
 */
export function assertReached(sharing: Sharing, changed: string, after: readonly SharingVersion[]): void {
  const policies = policiesOf(new Map([...sharing, [changed, after]]));
  for (const [index, later] of policies.entries())
    for (const first of policies.slice(0, index)) {
      if (first.policyId === later.policyId || ![first.policyId, later.policyId].includes(changed)) continue;
      const common = covers(first.costs, later.costs) ? intersection(first.period, later.period) : null;
      if (common !== null) throw overlapOf(first, later, common);
    }
}

const overlapOf = (first: SharingPolicy, other: SharingPolicy, common: OpenPeriod): DomainError =>
  conflict(
    'sharing_overlap',
    `policy ${first.policyId} takes all the cost that policy ${other.policyId} is for, over ` +
      `${periodText(common)}: the first policy by id applies. Give the ` +
      `narrower one an earlier id, or let one end where the other begins`,
  );

/** Whether all cost that `b` selects is selected by `a` too. */
const covers = (a: SharingTerms['costs'], b: SharingTerms['costs']): boolean =>
  (a.provider === undefined || a.provider === b.provider) &&
  (a.kind === undefined || a.kind === b.kind) &&
  (a.tag === undefined || (a.tag.key === b.tag?.key && a.tag.value === b.tag.value)) &&
  (a.unattributed === undefined || b.unattributed === true);
