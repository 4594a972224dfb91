import type { RecordedEvent } from '#domain/events';
import { applyPlanEvent, type PlanVersion } from '#domain/plans/plan';
import { compareInstants } from '#domain/time/instant';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type PlanVersionRow, planVersions } from './plans.table.js';

type PlanEvents = RecordedEvent<'PlanPublished'> | RecordedEvent<'PlanPriceCorrected'>;

export const toVersion = (row: PlanVersionRow): PlanVersion => ({
  planId: row.plan_id,
  effectiveFrom: row.effective_from,
  effectiveUntil: row.effective_until,
  name: row.name,
  currency: row.currency,
  baseFee: row.base_fee,
  paymentTerm: row.payment_term,
  interval: row.interval,
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
  items: version.items,
});

const planOf = ({ data }: PlanEvents): readonly string[] => [data.planId];

const next = (event: PlanEvents, rows: readonly PlanVersionRow[]): PlanVersionRow[] =>
  applyPlanEvent(
    rows.map(toVersion).sort((a, b) => compareInstants(a.effectiveFrom, b.effectiveFrom)),
    event,
  ).map(toRow);

export const plansProjection = versionedProjection('plans', {
  version: 2,
  tables: [planVersions],
  on: {
    PlanPublished: changing<'PlanPublished', PlanVersionRow>(planVersions, planOf, next),
    PlanPriceCorrected: changing<'PlanPriceCorrected', PlanVersionRow>(planVersions, planOf, next),
  },
});
