import { type EventType, isEventOf } from '#domain/events';
import { mayBeQuarantined } from '#domain/lines/rate';
import {
  decideUnbillable,
  openUnbillable,
  type Unbillable,
  unbillableEvents,
  unbillableStream,
} from '#domain/lines/unbillable';
import { tenancies } from '#domain/tenants/deployment';
import { micros } from '#domain/time/instant';
import { contains } from '#domain/time/period';
import type { Caller } from '#ledger/caller';
import type { LedgerCore } from '#ledger/ledger-core';
import { contextFor, type QueryContext } from '#ledger/query';
import { readAssignments } from '#projections/deployments/deployments.read';
import { ifReadable } from '#read-model/readable';
import { accruingLines } from '../invoices/accrued-lines.js';
import { rateLines } from '../invoices/rated-lines.js';
import { unbilledUsage } from '../retention/unbilled.js';
import { decisionOf, type Evaluated, isSameDay, type Watched } from '../watching/watch.js';

/** What an evaluation did. */
export interface UnbillableEvaluation extends Evaluated {
  readonly found: number;
  readonly ended: number;
}

const RECORDED: readonly (keyof typeof unbillableEvents)[] = ['UnbillableFound', 'UnbillableEnded'];

/**
 * Looks for all usage that no line covers and all lines that can't be rated, as of the projected position, and records
 * what is found and what has ended. Repeated, or done by two workers at once, it records each of them once.
 */
export async function evaluateUnbillable(core: LedgerCore, caller: Caller): Promise<UnbillableEvaluation> {
  const position = await core.projector.position();
  const context = contextFor(core, position, { ...caller, role: 'platform_admin' });
  const now = [...(await usageWithoutLine(context)), ...(await linesWithoutRate(context))];
  const byTenant = Map.groupBy(now, ({ tenantId }) => tenantId);
  const tenantIds = new Set([...byTenant.keys(), ...(await tenantsWithOpen(core, position))]);
  let [found, ended] = [0, 0];
  for (const tenantId of tenantIds)
    await core.book.decide(
      unbillableStream(tenantId),
      decisionOf(caller, 'evaluate-unbillable', { tenantId, position }),
      (events) => {
        const decided = decideUnbillable(events.filter(isEventOf(unbillableEvents)), byTenant.get(tenantId) ?? [], {
          ...{ computedAt: position, at: caller.now },
        });
        found += decided.filter(({ type }) => type === 'UnbillableFound').length;
        ended += decided.filter(({ type }) => type === 'UnbillableEnded').length;
        return { events: decided };
      },
    );
  return { position, at: caller.now, found, ended };
}

/** Usage of the tenant that had the deployment when the first reading began. */
async function usageWithoutLine(context: QueryContext): Promise<Unbillable[]> {
  const unbilled = await unbilledUsage(context);
  const deploymentIds = [...new Set(unbilled.map(({ deploymentId }) => deploymentId))];
  const rows = await readAssignments(context.core.db, context.position, { deploymentIds });
  const assigned = Map.groupBy(rows, (row) => row.deployment_id);
  return unbilled.flatMap(({ deploymentId, billingKind, reason, readings, quantity, period }): Unbillable[] => {
    const of = (assigned.get(deploymentId) ?? []).map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }));
    const holders = tenancies(of);
    const holder = holders.find((each) => contains(each.period, period.start)) ?? holders[0];
    if (holder === undefined) return [];
    const subject = { what: 'usage', tenantId: holder.tenantId, deploymentId, billingKind, lineId: null } as const;
    return [{ ...subject, reason, message: null, period, readings, quantity }];
  });
}

async function linesWithoutRate({ core, position, caller: { now: at } }: QueryContext): Promise<Unbillable[]> {
  const lines = (await accruingLines(core, position, at)).filter((line) => mayBeQuarantined(line, line.currency));
  const rated = await rateLines(
    core,
    position,
    lines.map((line) => ({ line, recorded: [], at, currency: line.currency, coupons: [], taxes: [] })),
  );
  return rated.flatMap(({ line, quarantined }): Unbillable[] => {
    if (quarantined === null) return [];
    const { tenantId, deploymentId, billingKind, lineId, period } = line;
    const { code: reason, message } = quarantined;
    return [
      {
        ...{ what: 'line', tenantId, deploymentId, billingKind, lineId, reason, message, period },
        ...{ readings: null, quantity: null },
      },
    ];
  });
}

/** The tenants of what was found and has not ended. */
async function tenantsWithOpen(core: LedgerCore, position: number): Promise<string[]> {
  const events = [];
  for await (const stored of core.log.readAll(0, { types: RECORDED })) {
    if (stored.position > position) break;
    const event = ifReadable(stored);
    if (event !== undefined && isEventOf(unbillableEvents)(event)) events.push(event);
  }
  return [...new Set([...openUnbillable(events).values()].map(({ data }) => data.tenantId))];
}

/** What may change whether usage has a line, or a line a price. */
const RELEVANT: readonly EventType[] = [
  ...(['UsageObserved', 'UsageCorrected', 'UsagePruned', 'UsageWaived', 'UsageWaiverWithdrawn'] as const),
  ...(['DeploymentRegistered', 'DeploymentAssigned', 'DeploymentCorrected', 'TenantCorrected'] as const),
  ...(['SubscriptionStarted', 'SubscriptionPlanChanged', 'SubscriptionCancelled'] as const),
  ...(['OverridesSet', 'OverridesCorrected', 'PlanPublished', 'PlanPriceCorrected', 'PlanCorrected'] as const),
  ...(['RateSet', 'RateCorrected', 'RateWithdrawn', 'RateKeyCorrected', 'InvoiceVoided'] as const),
];

/** The first event is enough. */
async function isAnythingNew(core: LedgerCore, since: number, until: number): Promise<boolean> {
  for await (const { position } of core.log.readAll(since, { types: RELEVANT })) return position <= until;
  return false;
}

/** All tenants are looked at each time, so it is done no more often. */
const PAUSE_MICROS = 10n * 60n * 1_000_000n;

export const UNBILLABLE_WATCHED: Watched = {
  name: 'unbillable',
  async evaluate(core, caller, since) {
    const position = await core.projector.position();
    if (since !== null && since.position <= position && isSameDay(since.at, caller.now)) {
      if (micros(caller.now) - micros(since.at) < PAUSE_MICROS) return { ...since, said: null };
      if (!(await isAnythingNew(core, since.position, position))) return { position, at: since.at, said: null };
    }
    const { found, ended, ...done } = await evaluateUnbillable(core, caller);
    return { ...done, said: found + ended === 0 ? null : `unbillable: ${found} found, ${ended} ended` };
  },
};
