import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import {
  assertMapping,
  KIND_MAPPINGS_STREAM,
  kindMappingEvents,
  mappingData,
  mappingsWith,
  type MappingTerms,
  type ProviderKind,
  setMapping,
  type StatedMapping,
  zMappingTerms,
} from '#domain/margin/kind-mapping';
import { zCurrency, zId, zInstant, zText } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { meteredIn } from '#billing/costs/metered-units';
import { unitsBy } from '#billing/costs/unit-economics';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { ADMIN, defineQuery, pageOfRows, zAsOf, zAt, zOptionalId, zPage } from '#ledger/query';
import {
  KIND_MAPPING_ORDER,
  readKindMappings,
  readMappingPage,
  toMapping,
} from '#projections/kind-mappings/kind-mappings.read';
import { inForce, listOf, zPosition } from './answers.js';
import type { Operations } from './declared.js';
import { monthsOfPreview, previewedMonths } from './margin.js';
import { zUnits } from './margin-units.js';
import { APRIL } from './story.js';

type MappingEvent = Extract<RecordedEvent, { readonly type: keyof typeof kindMappingEvents }>;
const isMapping = isEventOf(kindMappingEvents);

const subjectOf = ({ provider, kind }: ProviderKind): TermsSubject<MappingTerms, MappingEvent> => ({
  stream: KIND_MAPPINGS_STREAM,
  isOf: (event): event is MappingEvent =>
    isMapping(event) && event.data.provider === provider && event.data.kind === kind,
  dataOf: mappingData,
  ...{ name: `the mapping of ${kind} of ${provider}`, unknown: 'unknown_kind_mapping', command: 'set-kind-mapping' },
  correctedBy: (correction) => ({ type: 'KindMappingCorrected', data: { provider, kind, ...correction } }),
});

const of = {
  provider: zId.describe('The provider, as its cost lines name it'),
  kind: zId.describe('The provider’s kind, as its cost lines name it'),
};
const effective = { effectiveFrom: zInstant, effectiveUntil: zInstant.optional() };

const setKindMapping = defineCommand({
  name: 'set-kind-mapping',
  summary: 'Sets the billing kinds that the cost of a provider’s kind is for, from an instant on',
  fields: zMappingTerms.extend({ ...of, ...effective }),
  key: ({ provider, kind, effectiveFrom }) => [provider, kind, effectiveFrom],
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-kind-mapping', 'withdraw'] },
  stated: ({ effectiveFrom, ...fields }, events) => statedTerms(subjectOf(fields), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ provider: zId, kind: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { effectiveFrom, ...fields } = call.fields;
      return withdrawnTerms(core, call, subjectOf(fields), { effectiveFrom, correction });
    },
  }),
  example: { provider: 'digitalocean', kind: 'Droplets', billingKinds: ['droplet_hours'], effectiveFrom: APRIL.start },
  async handle(call, core) {
    return core.book.decide(KIND_MAPPINGS_STREAM, call, () => ({
      events: setMapping(call.fields, statedBy(call.fields)),
    }));
  },
});

const correctKindMapping = defineCommand({
  name: 'correct-kind-mapping',
  summary: 'Corrects the billing kinds that the cost of a provider’s kind is for, over a period',
  fields: zMappingTerms.extend({ ...of, ...effective, reason: zText.min(1) }),
  key: 'body',
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-kind-mapping'] },
  example: {
    ...{ provider: 'digitalocean', kind: 'Droplets', billingKinds: ['droplet_hours', 'droplet_backup_gb_month'] },
    ...{ effectiveFrom: APRIL.start, effectiveUntil: APRIL.end, reason: 'backups were on the same line' },
  },
  async handle(call, core) {
    const { reason, ...fields } = call.fields;
    const stated = statedBy(fields);
    assertMapping(stated);
    return correctedTerms(core, call, subjectOf(fields), { stated, reason });
  },
});

type StatedFields = MappingTerms & { readonly effectiveFrom: Instant; readonly effectiveUntil?: Instant | undefined };

const statedBy = ({ effectiveFrom: from, effectiveUntil, billingKinds }: StatedFields): StatedMapping => ({
  terms: { billingKinds },
  from,
  until: effectiveUntil ?? null,
});

const zKindMapping = z
  .object({ provider: z.string(), kind: z.string(), billingKinds: z.array(z.string()), ...inForce })
  .meta({ id: 'KindMapping' });

const kindMappings = defineQuery({
  name: 'kind-mappings',
  summary: 'The billing kinds that the cost of providers’ kinds is for, with the periods in which that is in force',
  path: 'kind-mappings',
  params: zPage.extend({ provider: zOptionalId, kind: zOptionalId, ...zAt }),
  roles: ADMIN,
  answer: listOf(zKindMapping),
  example: {},
  async handle({ provider, kind, at, ...page }, { core, position }) {
    return pageOfRows({
      order: KIND_MAPPING_ORDER,
      page,
      position,
      read: async (rows) => readMappingPage(core.db, position, { provider, kind, effectiveAt: at }, rows),
      toItems: (rows) =>
        rows.map((row) => {
          const { period, ...mapping } = toMapping(row);
          return { ...mapping, effectiveFrom: period.start, effectiveUntil: period.end, period };
        }),
    });
  },
});

const zMappingPreview = z
  .object({
    ...{ provider: z.string(), kind: z.string(), currency: z.string() },
    position: zPosition.describe(
      'The log position of the preview. A correction with it as basedOn is refused if it changed',
    ),
    months: z.array(
      z
        .object({
          month: z.string().describe('2026-04'),
          before: zUnits.describe('Without the mapping'),
          after: zUnits.describe('With it'),
        })
        .meta({ id: 'MappingMonth' }),
    ),
  })
  .meta({ id: 'MappingPreview' });

export const kindMappingPreview = defineQuery({
  name: 'kind-mapping-preview',
  summary:
    'Unit economics of months, past ones too, without and with a mapping that set-kind-mapping or' +
    ' correct-kind-mapping would record. Nothing is recorded',
  path: 'kind-mappings/preview',
  method: 'POST',
  params: zAsOf.extend({
    ...zMappingTerms.shape,
    ...of,
    ...effective,
    ...previewedMonths,
    currency: zCurrency.default('USD'),
  }),
  roles: ADMIN,
  answer: zMappingPreview,
  cost: 24,
  example: { provider: 'digitalocean', kind: 'Droplets', billingKinds: ['droplet_hours'], effectiveFrom: APRIL.start },
  async handle({ provider, kind, from, to, currency, asOf: _, knownAt: _known, ...fields }, context) {
    const { core, position, caller } = context;
    const mappings = await readKindMappings(core.db, position);
    const changed = mappingsWith(mappings, { provider, kind }, statedBy(fields));
    const months = monthsOfPreview(
      'kind-mapping-preview',
      { from, to, effectiveFrom: fields.effectiveFrom },
      caller.now,
    );
    const metered = await meteredIn(context, months);
    const before = await unitsBy(context, months, currency, { mappings, metered });
    const after = await unitsBy(context, months, currency, { mappings: changed, metered });
    return {
      ...{ provider, kind, currency, position },
      months: months.flatMap((month, index) => {
        const [without, having] = [before.months[index], after.months[index]];
        if (without === undefined || having === undefined) throw new Error('a month has no units');
        return [{ month: month.start.slice(0, 7), before: without, after: having }];
      }),
    };
  },
});

export const kindMappingOperations: Operations = {
  commands: [setKindMapping, correctKindMapping],
  queries: [kindMappings, kindMappingPreview],
};
