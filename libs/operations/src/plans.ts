import { z } from 'zod';
import { conflict, invalid, notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import type { Plans } from '#domain/lines/line';
import { decimal } from '#domain/money/decimal';
import {
  correctPrice as decidePriceCorrection,
  foldPlan,
  itemKey,
  planAt,
  type PlanEvent,
  planEvents,
  planStream,
  type PlanVersion,
  priceCorrectionPeriod,
  publishPlan as decidePublication,
  zItemCorrection,
} from '#domain/plans/plan';
import { correctPlan as decidePlanCorrection, withdrawPlanEvents } from '#domain/plans/plan-correction';
import { type ItemsOverlap, overlapsOf } from '#domain/plans/overlap';
import { zPrice } from '#domain/prices/price';
import { zId, zInstant, zText } from '#domain/schema';
import { type Assignment, type Subscription, tenantAt } from '#domain/tenants/deployment';
import { currenciesOf, foldTenant, tenantStream } from '#domain/tenants/tenant';
import type { Instant } from '#domain/time/instant';
import { type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import type { CommandCall, CommandDone } from '#ledger/command';
import { USES_OF_PLANS } from '#ledger/appending/at-once';
import { neverWith } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { statedOver } from '#ledger/stated';
import { isTenantEvent } from '#ledger/tenant';
import { assertNotOvertaken, basisOf, corrected } from '#ledger/overtaken';
import {
  defineQuery,
  idSets,
  pageOfRows,
  type QueryContext,
  READERS,
  zAt,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import { unitAmountText } from '#domain/money/money';
import { isEverPublished, PLAN_ORDER, readPlanPage } from '#projections/plans/plans.read';
import { readPlansOfTenant, readUsesOfPlan } from '#projections/deployments/deployments.read';
import type { PlanVersionRow } from '#projections/plans/plans.table';
import { inForce, listOf, zAny, zMoney, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { zPublishedPlan } from './published-plan.js';
import { APRIL, MID_APRIL } from './story.js';

/** Runs `work`, which lets subscriptions use plans, while no plan is withdrawn. */
export const usingPlans = async <Result>(core: LedgerCore, work: () => Promise<Result>): Promise<Result> =>
  core.together(USES_OF_PLANS, work);

const FIXED_FIELD = "can't be corrected: use withdraw (what: publish-plan), then publish-plan";
const FIXED = { currency: FIXED_FIELD, interval: FIXED_FIELD };

const publishPlan = defineCommand({
  name: 'publish-plan',
  summary: 'Publishes a plan, or new terms of a plan, from an instant on',
  fields: zPublishedPlan,
  key: ({ planId, effectiveFrom }) => [planId, effectiveFrom],
  mistakes: { correctedBy: ['correct-plan', 'correct-price', 'withdraw'] },
  fixed: FIXED,
  stated({ effectiveFrom }, events) {
    const history = events.filter(isPlanEvent);
    const terms = foldPlan(history).map(({ effectiveFrom: from, effectiveUntil: _, ...version }) => ({
      from,
      ...version,
    }));
    const facts = history.flatMap(({ type, data }) => (type === 'PlanPublished' ? [data.effectiveFrom] : []));
    return statedOver(terms, effectiveFrom, facts);
  },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ planId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { planId, effectiveFrom } = call.fields;
      // No subscription takes the plan between the check and the append.
      return core.exclusively(USES_OF_PLANS, async () =>
        correctedPlan(core, call, planId, async (before, history) => {
          const never = neverWith(history, correction.withdrawn);
          if (never === null)
            throw notFound('unknown_publication', `plan ${planId} was not published from ${effectiveFrom}`);
          const withdrawn = withdrawPlanEvents(planId, history, { before, never }, correction);
          await assertUnused(core, planId, before, foldPlan([...history, ...withdrawn]));
          return withdrawn;
        }),
      );
    },
  }),
  example: {
    planId: 'standard',
    name: 'Standard',
    currency: 'USD',
    baseFee: '10.00',
    paymentTerm: 'in_arrears',
    effectiveFrom: '2026-01-01T00:00:00Z',
    items: [{ billingKind: 'gateway', included: '2', price: { model: 'unit', unitAmount: '0.50' } }],
  },
  async handle(call, core) {
    const decision = (versions: readonly PlanVersion[]): PlanEvent[] => decidePublication(versions, call.fields);
    return decide(core, call, call.fields.planId, decision, overlapsOf(call.fields.items));
  },
});

const correctPrice = defineCommand({
  name: 'correct-price',
  summary: 'Corrects the price of a plan item for a past period',
  fields: z.strictObject({
    planId: zId,
    billingKind: zId,
    filter: z.record(z.string(), z.string()).optional(),
    price: zPrice,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-price', 'correct-plan'] },
  example: {
    planId: 'standard',
    billingKind: 'gateway',
    price: { model: 'unit', unitAmount: '0.40' },
    effectiveFrom: APRIL.start,
    effectiveUntil: APRIL.end,
    reason: 'as agreed',
  },
  async handle(call, core) {
    const { effectiveUntil, filter, ...fields } = call.fields;
    const input = { ...fields, effectiveUntil: effectiveUntil ?? null, ...(filter === undefined ? {} : { filter }) };
    const basis = await basisOf(core, call);
    return decide(core, call, fields.planId, (versions, history) => {
      const corrected = decidePriceCorrection(versions, input);
      const meant = priceCorrectionPeriod(foldPlan(history.filter(({ position }) => position <= basis)), input);
      if (corrected.length > 0)
        assertNotOvertaken(call, basis, history, (other) => saidOf(other, itemKey(input), meant));
      return corrected;
    });
  },
});

const correctPlan = defineCommand({
  name: 'correct-plan',
  summary: 'Corrects terms of a plan for a period: its base fee, payment term and items',
  fields: z.strictObject({
    planId: zId,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    name: zText.optional(),
    baseFee: zPublishedPlan.shape.baseFee.optional(),
    paymentTerm: zPublishedPlan.shape.paymentTerm.optional(),
    public: z.boolean().optional().describe('Whether every tenant sees the plan'),
    items: z
      .array(zItemCorrection)
      .min(1)
      .optional()
      .describe('Items by billing kind and filter. Terms that are absent stay; null takes a term away, or the item'),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-plan'] },
  fixed: FIXED,
  example: {
    planId: 'standard',
    effectiveFrom: APRIL.start,
    effectiveUntil: APRIL.end,
    items: [{ billingKind: 'gateway', included: '3' }],
    reason: 'as agreed',
  },
  async handle(call, core) {
    const { planId, effectiveUntil = null, reason, ...changes } = call.fields;
    const { name, baseFee, paymentTerm, public: isPublic, items } = changes;
    if ([name, baseFee, paymentTerm, isPublic, items].every((value) => value === undefined))
      throw invalid(
        'nothing_to_correct',
        'correct-plan: give at least one of name, baseFee, paymentTerm, public, items',
      );
    return correctedPlan(core, call, planId, (versions) =>
      decidePlanCorrection(planId, versions, { ...changes, effectiveUntil }, { reason }),
    );
  },
});

/** Corrects a plan, unless another correction has overtaken this one. Errors: `overtaken`. */
const correctedPlan = async (
  core: LedgerCore,
  call: CommandCall,
  planId: string,
  decision: (
    versions: readonly PlanVersion[],
    history: readonly RecordedPlanEvent[],
  ) => PlanEvent[] | Promise<PlanEvent[]>,
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: planStream(planId), isOf: isPlanEvent, saidOf: anyChange },
    decide(events) {
      const history = events.filter(isPlanEvent);
      return decision(foldPlan(history), history);
    },
  });

/** Refuses to leave a subscription without terms where its plan has some. Errors: `plan_in_use`. */
async function assertUnused(
  core: LedgerCore,
  planId: string,
  before: readonly PlanVersion[],
  after: readonly PlanVersion[],
): Promise<void> {
  const [start, end] = [before[0]?.effectiveFrom, after[0]?.effectiveFrom ?? null];
  if (start === undefined || start === end) return;
  const uses = await readUsesOfPlan(core.db, await core.projector.catchUp(), planId);
  const left = uses
    .map((use) => ({ id: use.subscription_id, period: { start: use.effective_from, end: use.effective_until } }))
    .filter(({ period }) => period.start !== period.end && overlaps(period, { start, end }));
  if (left.length === 0) return;
  const named = left.slice(0, MOST_NAMED).map(({ id, period }) => `${id} from ${period.start}`);
  const more = left.length > named.length ? [`${left.length - named.length} more`] : [];
  throw conflict(
    'plan_in_use',
    `plan ${planId} would have no terms for the subscriptions that use it: ${[...named, ...more].join(', ')}. ` +
      'Correct them first (correct-subscription with planId or plans), or withdraw them (start-subscription)',
  );
}

const MOST_NAMED = 10;

const anyChange = ({ type, data }: RecordedPlanEvent): string =>
  'reason' in data ? `plan ${data.planId} was corrected: ${data.reason}` : `plan ${data.planId} changed (${type})`;

type RecordedPlanEvent = Extract<RecordedEvent, PlanEvent>;
const isPlanEvent = (event: RecordedEvent): event is RecordedPlanEvent => Object.hasOwn(planEvents, event.type);

async function decide(
  core: LedgerCore,
  call: CommandCall,
  planId: string,
  decision: (versions: readonly PlanVersion[], history: readonly RecordedPlanEvent[]) => PlanEvent[],
  notices: readonly ItemsOverlap[] = [],
): Promise<CommandDone> {
  return core.book.decide(planStream(planId), call, (events) => {
    const history = events.filter(isPlanEvent);
    return {
      events: decision(foldPlan(history), history),
      ...(notices.length === 0 ? {} : { result: { planId, notices } }),
    };
  });
}

/** What an event changes in the price of an item within a period. null: nothing. */
function saidOf(event: RecordedPlanEvent, item: string, meant: OpenPeriod): string | null {
  if (event.type === 'PlanCorrected') {
    const { changedFrom } = event.data;
    return changedFrom !== null && overlaps({ start: changedFrom, end: null }, meant) ? anyChange(event) : null;
  }
  const { type, data } = event;
  const stretch = { start: data.effectiveFrom, end: type === 'PlanPublished' ? null : data.effectiveUntil };
  if (!overlaps(stretch, meant)) return null;
  if (type === 'PlanPublished') return `plan ${data.planId} was published from ${data.effectiveFrom} on`;
  return itemKey(data) === item
    ? `the price of ${data.billingKind} in plan ${data.planId} was corrected over ${periodText(stretch)}`
    : null;
}

/** The versions of a plan. []: it was never published. */
export const planVersions = async (core: LedgerCore, planId: string): Promise<PlanVersion[]> =>
  foldPlan((await core.book.load(planStream(planId))).filter(isPlanEvent));

/** The versions of the plans of a subscription. */
export const plansOf = async (core: LedgerCore, { plans: held }: Pick<Subscription, 'plans'>): Promise<Plans> =>
  new Map(
    await Promise.all(
      [...new Set(held.map(({ planId }) => planId))].map(
        async (planId) => [planId, await planVersions(core, planId)] as const,
      ),
    ),
  );

/** The version of a plan that is in force at an instant. Errors: `plan_not_in_force`. */
export function versionInForce(versions: readonly PlanVersion[], planId: string, at: Instant): PlanVersion {
  const version = planAt(versions, at);
  if (version === undefined)
    throw notFound('plan_not_in_force', `plan ${planId} has no terms at ${at}. Publish it from then on.`);
  return version;
}

/**
 * Refuses a plan that has no terms at the instant, or is in another currency than the tenant who holds the deployment
 * then. Errors: `unknown_plan`, `plan_not_in_force`, `currency_mismatch`.
 */
export async function assertPlan(
  core: LedgerCore,
  planId: string,
  at: Instant,
  assignments: readonly Assignment[],
): Promise<void> {
  const tenantId = tenantAt(assignments, at);
  const [versions, tenant] = await Promise.all([
    planVersions(core, planId),
    tenantId === null ? null : core.book.load(tenantStream(tenantId)),
  ]);
  if (versions.length === 0)
    throw notFound(
      'unknown_plan',
      `plan ${planId} is not published: publish it, or use another plan` +
        ' (for a subscription that has it: correct-subscription with planId)',
    );
  const version = versionInForce(versions, planId, at);
  const billed = tenant === null ? null : foldTenant(tenant.filter(isTenantEvent));
  if (billed !== null && !currenciesOf(billed).includes(version.currency))
    throw conflict(
      'currency_mismatch',
      `plan ${planId} is in ${version.currency}, but tenant ${tenantId} is billed in ` +
        `${currenciesOf(billed).join(' and ')}: add ${version.currency} to its currencies with correct-tenant`,
    );
}

const zPlanItem = z
  .object({
    billingKind: z.string(),
    price: zAny.describe('A price model with its parameters: { model, … }'),
    aggregation: z.string(),
    included: zQuantity.optional(),
    pooled: z.boolean().optional().describe('The subscriptions of one payer share the included units'),
    unitConversion: zAny.optional(),
    discounts: zAny.optional(),
    commitments: zAny.optional(),
    filter: zAny.optional(),
    uniqueBy: z.string().optional(),
  })
  .meta({ id: 'PlanItem' });

const zPlan = z
  .object({
    planId: z.string(),
    name: z.string(),
    currency: z.string(),
    baseFee: zMoney,
    paymentTerm: z.enum(['in_advance', 'in_arrears']),
    interval: z.enum(['month', 'year']),
    public: z.boolean().describe('Whether every tenant sees it'),
    ...inForce,
    items: z.array(zPlanItem),
  })
  .meta({ id: 'Plan' });

export const plans = defineQuery({
  name: 'plans',
  summary:
    'Plans, with the periods in which their terms are in force. A tenant sees public terms, and the plans that its' +
    ' subscriptions have or had',
  path: 'plans',
  params: zPage.extend({ planId: zOptionalId, planIds: zOptionalIds, ...zAt }),
  roles: READERS,
  answer: listOf(zPlan),
  example: { planId: 'standard', at: MID_APRIL },
  async handle({ planId, planIds, at, ...page }, context) {
    const { core, position } = context;
    const visible = await ownPlans(context);
    const found = await pageOfRows({
      order: PLAN_ORDER,
      page,
      position,
      read: async (rows) => readPlanPage(core.db, position, { ids: idSets(planId, planIds), at, visible }, rows),
      toItems: (rows) => rows.map(toItem),
    });
    // As of a position before its publication, a plan is not listed. A plan that was never published is an error.
    const isOwn = planId === undefined || visible === null || visible.includes(planId);
    const isKnown = planId === undefined || (await isEverPublished(core.db, planId, !isOwn));
    if (found.items.length === 0 && !isKnown) throw notFound('unknown_plan', `plan ${planId} is not published`);
    return found;
  },
});

/** The plans whose terms a confined caller sees even where they are not public. null: all plans. */
export const ownPlans = async ({ core, position, confinedTo }: QueryContext): Promise<readonly string[] | null> =>
  confinedTo === null ? null : readPlansOfTenant(core.db, position, confinedTo);

const toItem = (row: PlanVersionRow) => ({
  planId: row.plan_id,
  name: row.name,
  currency: row.currency,
  baseFee: unitAmountText(decimal(row.base_fee), row.currency),
  paymentTerm: row.payment_term,
  interval: row.interval,
  public: row.is_public,
  effectiveFrom: row.effective_from,
  effectiveUntil: row.effective_until,
  period: { start: row.effective_from, end: row.effective_until },
  items: row.items,
});

export const planOperations: Operations = {
  commands: [publishPlan, correctPrice, correctPlan],
  queries: [plans],
};
