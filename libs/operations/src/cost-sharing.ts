import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import {
  assertReached,
  assertSharing,
  foldSharing,
  policiesWith,
  setSharing as decideSharing,
  SHARED_COSTS_STREAM,
  SHARING_METHODS,
  sharingData,
  sharingEvents,
  type SharingTerms,
  termsOf,
  zSharingTerms,
} from '#domain/margin/sharing-policy';
import { zCurrency, zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import type { StatedTerms } from '#domain/terms/terms';
import type { Instant } from '#domain/time/instant';
import type { Margin } from '#domain/margin/margin';
import { marginsBy } from '#billing/costs/margin-month';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { ADMIN, defineQuery, pageOfRows, zAsOf, zAt, zOptionalId, zPage } from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { readAllSharing, readSharingPage, SHARING_ORDER, toPolicy } from '#projections/cost-sharing/cost-sharing.read';
import { inForce, listOf, zPosition, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { monthsOfPreview, previewedMonths, zByTenant, zMarginFigures, zShared, zUnattributed } from './margin.js';
import { APRIL } from './story.js';

type SharingEvent = Extract<RecordedEvent, { readonly type: keyof typeof sharingEvents }>;
const isSharing = isEventOf(sharingEvents);

const subjectOf = (policyId: string): TermsSubject<SharingTerms, SharingEvent> => ({
  stream: SHARED_COSTS_STREAM,
  isOf: (event): event is SharingEvent => isSharing(event) && event.data.policyId === policyId,
  dataOf: sharingData,
  ...{ name: `cost-sharing policy ${policyId}`, unknown: 'unknown_sharing', command: 'set-cost-sharing' },
  correctedBy: (correction) => ({ type: 'CostSharingCorrected', data: { policyId, ...correction } }),
  assertFitting(after, events) {
    assertReached(foldSharing(events.filter(isSharing)), policyId, after);
  },
});

const POLICY = 'The name of the policy. Of several that match a cost, the first by name shares it';
const effective = { effectiveFrom: zInstant, effectiveUntil: zInstant.optional() };

const setCostSharing = defineCommand({
  name: 'set-cost-sharing',
  summary: 'Sets which cost is shared among tenants, and how, from an instant on',
  fields: zSharingTerms.extend({ policyId: zId.describe(POLICY), ...effective }),
  key: ({ policyId, effectiveFrom }) => [policyId, effectiveFrom],
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-cost-sharing', 'withdraw'] },
  stated: ({ policyId, effectiveFrom }, events) => statedTerms(subjectOf(policyId), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ policyId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { policyId, effectiveFrom } = call.fields;
      return withdrawnTerms(core, call, subjectOf(policyId), { effectiveFrom, correction });
    },
  }),
  example: {
    policyId: 'unattributed',
    costs: { unattributed: true },
    method: 'direct_cost',
    effectiveFrom: APRIL.start,
  },
  async handle(call, core) {
    const { policyId, ...fields } = call.fields;
    await assertTenants(core, fields);
    return core.book.decide(SHARED_COSTS_STREAM, call, (events) => ({
      events: decideSharing(foldSharing(events.filter(isSharing)), policyId, statedBy(fields)),
    }));
  },
});

const correctCostSharing = defineCommand({
  name: 'correct-cost-sharing',
  summary: 'Corrects which cost a policy shares, and how, over a period. The fields state the policy as a whole',
  fields: zSharingTerms.extend({ policyId: zId.describe(POLICY), ...effective, reason: zText.min(1) }),
  key: 'body',
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-cost-sharing'] },
  example: {
    policyId: 'unattributed',
    costs: { unattributed: true },
    method: 'even',
    effectiveFrom: APRIL.start,
    effectiveUntil: APRIL.end,
    reason: 'as agreed with finance',
  },
  async handle(call, core) {
    const { policyId, reason, ...fields } = call.fields;
    const stated = statedBy(fields);
    assertSharing(stated);
    await assertTenants(core, fields);
    return correctedTerms(core, call, subjectOf(policyId), { stated, reason });
  },
});

type StatedFields = SharingTerms & { readonly effectiveFrom: Instant; readonly effectiveUntil?: Instant | undefined };

const statedBy = ({ effectiveFrom: from, effectiveUntil, ...terms }: StatedFields): StatedTerms<SharingTerms> => ({
  terms: termsOf(terms),
  from,
  until: effectiveUntil ?? null,
});

/** Errors: `unknown_tenant`. */
async function assertTenants(core: LedgerCore, { weights = [] }: SharingTerms): Promise<void> {
  for (const { tenantId } of weights) tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
}

const zSharing = z
  .object({
    policyId: z.string(),
    costs: z
      .object({
        provider: z.string().optional(),
        kind: z.string().optional(),
        tag: z.object({ key: z.string(), value: z.string() }).meta({ id: 'CostTag' }).optional(),
        unattributed: z.boolean().optional(),
      })
      .meta({ id: 'SharedCosts', description: 'The cost lines that are shared: all that is given must match' }),
    method: z.enum(SHARING_METHODS),
    billingKind: z.string().nullable(),
    capacity: zQuantity.nullable(),
    weights: z.array(z.object({ tenantId: z.string(), percent: zQuantity }).meta({ id: 'SharingWeight' })).nullable(),
    ...inForce,
  })
  .meta({ id: 'CostSharing' });

const costSharing = defineQuery({
  name: 'cost-sharing',
  summary: 'The policies that share cost among tenants, with the periods in which they are in force',
  path: 'cost-sharing',
  params: zPage.extend({ policyId: zOptionalId, ...zAt }),
  roles: ADMIN,
  answer: listOf(zSharing),
  example: {},
  async handle({ policyId, at, ...page }, { core, position }) {
    return pageOfRows({
      order: SHARING_ORDER,
      page,
      position,
      read: async (rows) => readSharingPage(core.db, position, { policyId, effectiveAt: at }, rows),
      toItems: (rows) =>
        rows.map((row) => {
          const { billingKind = null, capacity = null, weights = null, period, ...policy } = toPolicy(row);
          const effective = { effectiveFrom: period.start, effectiveUntil: period.end };
          return { ...policy, billingKind, capacity, weights, ...effective, period };
        }),
    });
  },
});

const zSharingMargin = z
  .object({
    overall: zMarginFigures,
    byTenant: zByTenant,
    unattributed: zUnattributed,
    shared: z.array(zShared),
  })
  .meta({ id: 'SharingMargin' });

const zSharingPreview = z
  .object({
    policyId: z.string(),
    currency: z.string(),
    position: zPosition.describe(
      'The log position of the preview. A correction with it as basedOn is refused if it changed',
    ),
    months: z.array(
      z
        .object({
          month: z.string().describe('2026-04'),
          before: zSharingMargin.describe('Without the terms'),
          after: zSharingMargin.describe('With them'),
        })
        .meta({ id: 'SharingMonth' }),
    ),
  })
  .meta({ id: 'SharingPreview' });

export const costSharingPreview = defineQuery({
  name: 'cost-sharing-preview',
  summary:
    'The margin of months, past ones too, without and with terms that set-cost-sharing or correct-cost-sharing would' +
    ' record. Nothing is recorded',
  path: 'cost-sharing/preview',
  method: 'POST',
  params: zAsOf.extend({
    ...zSharingTerms.shape,
    policyId: zId,
    ...effective,
    ...previewedMonths,
    currency: zCurrency.default('USD'),
  }),
  roles: ADMIN,
  answer: zSharingPreview,
  cost: 18,
  example: { policyId: 'unattributed', costs: { unattributed: true }, method: 'even', effectiveFrom: APRIL.start },
  async handle({ policyId, from, to, currency, asOf: _, knownAt: _known, ...fields }, context) {
    const { core, position, caller } = context;
    await assertTenants(core, fields);
    const policies = await readAllSharing(core.db, position);
    const changed = policiesWith(policies, policyId, statedBy(fields));
    const months = monthsOfPreview(
      'cost-sharing-preview',
      { from, to, effectiveFrom: fields.effectiveFrom },
      caller.now,
    );
    const before = await marginsBy(context, months, currency, policies);
    const after = await marginsBy(context, months, currency, changed);
    return {
      ...{ policyId, currency, position },
      months: months.map((month, index) => ({
        month: month.start.slice(0, 7),
        before: marginShown(before[index]),
        after: marginShown(after[index]),
      })),
    };
  },
});

function marginShown(margin: Margin | undefined) {
  if (margin === undefined) throw new Error('a month has no margin');
  const { overall, byTenant, unattributed, shared } = margin;
  return { overall, byTenant, unattributed, shared };
}

export const costSharingOperations: Operations = {
  commands: [setCostSharing, correctCostSharing],
  queries: [costSharing, costSharingPreview],
};
