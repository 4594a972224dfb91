import type { RecordedEvent } from '#domain/events';
import { applyPlanEvent, type PlanVersion } from '#domain/plans/plan';
import { compareInstants } from '#domain/time/instant';
import { changing, type Handler } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type PlanVersionRow, planVersions } from './plans.table.js';

type PlanEvents = 'PlanPublished' | 'PlanPriceCorrected' | 'PlanCorrected';

export const toVersion = (row: PlanVersionRow): PlanVersion => ({
  planId: row.plan_id,
  effectiveFrom: row.effective_from,
  effectiveUntil: row.effective_until,
  name: row.name,
  currency: row.currency,
  baseFee: row.base_fee,
  paymentTerm: row.payment_term,
  interval: row.interval,
  ...(row.is_public ? { public: true } : {}),
  items: row.items,
});

const toRow = (version: PlanVersion): PlanVersionRow => ({
  plan_id: version.planId,
  effective_from: version.effectiveFrom,
  effective_until: version.effectiveUntil,
  name: version.name,
  currency: version.currency,
  base_fee: version.baseFee,
  payment_term: version.paymentTerm,
  interval: version.interval,
  is_public: version.public === true,
  items: version.items,
});

const planOf = ({ data }: RecordedEvent<PlanEvents>): readonly string[] => [data.planId];

const next = (event: RecordedEvent<PlanEvents>, rows: readonly PlanVersionRow[]): PlanVersionRow[] =>
  applyPlanEvent(
    rows.map(toVersion).sort((a, b) => compareInstants(a.effectiveFrom, b.effectiveFrom)),
    event,
  ).map(toRow);

const decided: Handler<PlanEvents> = changing(planVersions, planOf, next);

export const plansProjection = versionedProjection('plans', {
  version: 4,
  tables: [planVersions],
  on: {
    PlanPublished: decided,
    PlanPriceCorrected: decided,
    PlanCorrected: decided,
  },
});
