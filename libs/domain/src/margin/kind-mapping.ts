import { z } from 'zod';
import { compareText } from '../compare-text.js';
import { type FieldError, invalid } from '../errors.js';
import { BILLING_KINDS_BY_KIND } from '../metering/metering.js';
import { type EventOf, type IdSchema, zId, zInstant } from '../schema.js';
import {
  correctedFields,
  periodsOfTerms,
  type StatedTerms,
  type TermsData,
  type TermsVersion,
  versionsOfTerms,
  withTermsOver,
} from '../terms/terms.js';
import type { Instant } from '../time/instant.js';
import { assertEffective, contains, type OpenPeriod } from '../time/period.js';

/** All decisions about which billing kinds the cost of provider kinds is for. */
export const KIND_MAPPINGS_STREAM = 'kind-mappings';

const MOST_KINDS = 100;

const termsWith = (zId: IdSchema) => ({
  billingKinds: z
    .array(zId)
    .min(1)
    .max(MOST_KINDS)
    .describe('The billing kinds that the cost is for. Several: cost is divided by usage, else evenly'),
});
export const zMappingTerms = z.strictObject(termsWith(zId));
export type MappingTerms = z.infer<typeof zMappingTerms>;

const ofWith = (zId: IdSchema) => ({ provider: zId, kind: zId });
/** A kind of a provider, as its cost lines name it. */
export interface ProviderKind {
  readonly provider: string;
  readonly kind: string;
}

// Stored permanently.
export const kindMappingEventsWith = (zId: IdSchema) => ({
  KindMappingSet: z.object({
    ...ofWith(zId),
    ...termsWith(zId),
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.nullable(),
  }),
  /** The mapping as it is true now. */
  KindMappingCorrected: z.object({ ...ofWith(zId), ...correctedFields(z.strictObject(termsWith(zId))) }),
});
export const kindMappingEvents = kindMappingEventsWith(zId);
export type KindMappingEvent = EventOf<typeof kindMappingEventsWith>;

/** The versions of the mapping of one provider kind. */
export type MappingVersions = readonly TermsVersion<MappingTerms>[];

/** The mapping of a provider kind over a period in which it does not change. */
export interface KindMapping extends ProviderKind, MappingTerms {
  readonly period: OpenPeriod;
}

/** Names a provider's kind. */
export const keyOfKind = ({ provider, kind }: ProviderKind): string => JSON.stringify([provider, kind]);

/** What an event says of the mapping of its kind. */
export const mappingData = ({ type, data }: KindMappingEvent): TermsData<MappingTerms> =>
  type === 'KindMappingCorrected' ? data : { ...data, terms: { billingKinds: data.billingKinds } };

export type StatedMapping = StatedTerms<MappingTerms>;

/** Sets the mapping of a provider kind. Errors: those of `assertMapping`. */
export function setMapping({ provider, kind }: ProviderKind, stated: StatedMapping): KindMappingEvent[] {
  assertMapping(stated);
  const { terms, from, until } = stated;
  return [
    {
      type: 'KindMappingSet',
      data: { provider, kind, billingKinds: terms.billingKinds, effectiveFrom: from, effectiveUntil: until },
    },
  ];
}

/** Errors: `invalid_kind_mapping`, `empty_period`. */
export function assertMapping({ terms: { billingKinds }, from, until }: StatedMapping): void {
  const errors = billingKinds.flatMap((each, index): FieldError[] =>
    billingKinds.indexOf(each) < index ? [{ field: `billingKinds[${index}]`, message: 'is a duplicate' }] : [],
  );
  const [first] = errors;
  if (first !== undefined) throw invalid('invalid_kind_mapping', `${first.field}: ${first.message}`, errors);
  assertEffective(from, until);
}

/** The mapping of a provider kind, with its periods. */
export const mappingsOf = ({ provider, kind }: ProviderKind, versions: MappingVersions): KindMapping[] =>
  periodsOfTerms(versions).map(({ terms, period }) => ({ provider, kind, ...terms, period }));

/** The versions of one provider kind, from its mappings. */
export const versionsOfMappings = (mappings: readonly KindMapping[]): MappingVersions =>
  versionsOfTerms(mappings.map(({ billingKinds, period }) => ({ terms: { billingKinds }, period })));

/** The mappings if that of one provider kind were set. Errors: those of `setMapping`. */
export function mappingsWith(mappings: readonly KindMapping[], of: ProviderKind, stated: StatedMapping): KindMapping[] {
  setMapping(of, stated);
  const key = keyOfKind(of);
  const own = mappings.filter((each) => keyOfKind(each) === key);
  const others = mappings.filter((each) => keyOfKind(each) !== key);
  return [...others, ...mappingsOf(of, withTermsOver(versionsOfMappings(own), stated))].sort((a, b) =>
    compareText(keyOfKind(a), keyOfKind(b)),
  );
}

/** Where the mapping of a cost is from. `none`: nothing is recorded of its kind, and it is no kind of the inventory. */
export const MAPPING_SOURCES = ['recorded', 'default', 'none'] as const;
export type MappingSource = (typeof MAPPING_SOURCES)[number];

/** The billing kinds of a cost, and where that is from. */
export interface MappedTo {
  readonly billingKinds: readonly string[];
  readonly source: MappingSource;
}

const UNMAPPED: MappedTo = { billingKinds: [], source: 'none' };

/** Looks up the billing kinds of provider kinds: what is recorded, else that of the inventory kind of the same name. */
export function mappingAt(mappings: readonly KindMapping[]): (of: ProviderKind, at: Instant) => MappedTo {
  const byKind = Map.groupBy(mappings, keyOfKind);
  return (of, at) => {
    const recorded = byKind.get(keyOfKind(of))?.find(({ period }) => contains(period, at));
    if (recorded !== undefined) return { billingKinds: recorded.billingKinds, source: 'recorded' };
    const metered = BILLING_KINDS_BY_KIND.get(of.kind);
    return metered === undefined ? UNMAPPED : { billingKinds: [metered], source: 'default' };
  };
}
