import { type Decimal, decimal, sum } from '#domain/money/decimal';
import { exactMoney, marginOf, marginPercent, type MarginShared } from '#domain/margin/margin';
import { keyOfSharing } from '#domain/margin/sharing';
import { monthNamed } from '#domain/time/period';
import { sharesIn } from '#billing/costs/margin-month';
import { ADMIN, type QueryContext } from '#ledger/query';
import type { RecordedEvent } from '#domain/events';
import { ofType } from '#event-store/codec';
import { readBookedRevenue } from '#projections/margins/margins.read';
import { poolArithmeticOf, shareArithmeticOf } from './arithmetic.js';
import { type Choice, isChoice, isCostOf, isPartOf, isRevenueOf } from './choice.js';
import { decodedId } from './encoded-id.js';
import { eventsOf, type FileRow, fileRow, reference, type Reference } from './evidence.js';
import { numberOf } from './issued.js';

export interface ExplainedMargin {
  readonly is: 'margin';
  readonly month: string;
  readonly currency: string;
  readonly tenantId: string | null;
  /** `71.12 − 30.53 = 40.59 (57.1 %)` */
  readonly arithmetic: string;
  readonly revenue: readonly {
    readonly invoiceId: string;
    readonly number: string | null;
    readonly cause: string;
    readonly deploymentId: string;
    readonly billingKind: string;
    readonly amount: string;
    readonly event: Reference | null;
  }[];
  /** The number of all amounts of revenue. */
  readonly revenueCount: number;
  /**
   * The share of each provider's line that is in the month and the tenant's, with the file that the line was read from.
   */
  readonly costs: readonly {
    readonly costLine: string;
    readonly kind: string;
    readonly tenantId: string | null;
    readonly deploymentId: string | null;
    readonly amount: string;
    /** The policy that shares it among tenants. null: none does. */
    readonly sharedBy: string | null;
    /** The policy of whose pool nobody used it. null: none. */
    readonly remainderOf: string | null;
    readonly file: FileRow | null;
    readonly event: Reference | null;
  }[];
  /** The number of all costs. */
  readonly costCount: number;
  /** By policy: what is shared, and the parts of it that are the tenant's. */
  readonly shared: readonly ExplainedShared[];
}

interface ExplainedShared extends MarginShared {
  /** The number of all parts. */
  readonly partCount: number;
  /** What of a pool is idle, and `300.00 × 30 / 90 = 100.00` of all parts of a tenant; null: neither. */
  readonly arithmetic: string | null;
  /** The event that set the terms. */
  readonly event: Reference | null;
}

/** `margin:2026-04`, `margin:2026-04/EUR`, `margin:2026-04/USD/<tenant>`. */
const MARGIN = /^margin:(\d{4}-(?:0[1-9]|1[0-2]))(?:\/([A-Z]{3}))?(?:\/(.+))?$/;

/**
 * A month's margin, of all tenants or one, down to invoices, cost lines and their events: at most `first` of each, and
 * only those that are chosen. null: the id has another form.
 */
export async function explainMargin(
  context: QueryContext,
  id: string,
  first: number,
  choice: Choice,
): Promise<ExplainedMargin | null> {
  const { core, position } = context;
  const [month = '', currency = 'USD', encoded] = MARGIN.exec(id)?.slice(1) ?? [];
  if (month === '' || !ADMIN.includes(context.caller.role)) return null;
  const tenantId = encoded === undefined ? null : decodedId(encoded);
  if (encoded !== undefined && tenantId === null) return null;
  const revenue = await readBookedRevenue(core.db, position, { month, currency, tenantId });
  const all = await sharesIn(context, monthNamed(month), currency);
  const { shared } = marginOf(all.revenue, all.costs, currency, all.shared);
  // Overall also the lines that are shared: together they are all the cost.
  const costs = all.costs.filter(
    (share) => tenantId === null || (share.tenantId === tenantId && share.sharedBy === null),
  );
  const { policies } = all;
  const policyOf = new Map(policies.map((policy) => [keyOfSharing(policy), policy]));
  const [chosenRevenue, chosenCosts] = [revenue.filter(isRevenueOf(choice)), costs.filter(isCostOf(choice))];
  const [shownRevenue, shownCosts] = [chosenRevenue.slice(0, first), chosenCosts.slice(0, first)];
  const positions = [...shownRevenue.map((row) => row.position_from), ...shownCosts.map((share) => share.position)];
  const stored = new Map(
    (await eventsOf(core.log, position, [...positions, ...policies.map((policy) => policy.position)], [])).map(
      (event) => [event.position, event],
    ),
  );
  const events = new Map([...stored].map(([at, event]) => [at, reference(event)]));
  const borne = shared.map((each) => ({
    ...each,
    parts: each.parts.filter((part) => tenantId === null || part.tenantId === tenantId),
  }));
  const parts = tenantId === null ? [] : borne.flatMap((each) => each.parts.map(({ amount }) => decimal(amount)));
  const [earned, spent] = [sum(revenue.map(({ amount }) => decimal(amount))), sum(costs.map(({ amount }) => amount))];
  const margin = earned.minus(spent).minus(sum(parts));
  const percent = marginPercent(earned, margin);
  const money = (amount: Decimal): string => exactMoney(amount, currency).replace(/^-/, '−');
  const terms = [earned, spent, ...(parts.length === 0 ? [] : [sum(parts)])].map(money).join(' − ');
  return {
    is: 'margin',
    month,
    currency,
    tenantId,
    arithmetic: `${terms} = ${money(margin)}${percent === null ? '' : ` (${percent} %)`}`,
    revenueCount: chosenRevenue.length,
    revenue: shownRevenue.map((row) => ({
      invoiceId: row.invoice_id,
      number: numberOf(row.ordinal, row.series),
      cause: row.cause,
      deploymentId: row.deployment_id,
      billingKind: row.billing_kind,
      amount: exactMoney(decimal(row.amount), currency),
      event: events.get(row.position_from) ?? null,
    })),
    costCount: chosenCosts.length,
    costs: shownCosts.map(
      ({ costLine, kind, tenantId: bearer, deploymentId, amount, sharedBy, remainderOf, position: recordedAt }) => ({
        costLine,
        kind,
        tenantId: bearer,
        deploymentId,
        amount: exactMoney(amount, currency),
        sharedBy: policyOf.get(sharedBy ?? '')?.policyId ?? null,
        remainderOf: policyOf.get(remainderOf ?? '')?.policyId ?? null,
        file: fileRowOf(stored.get(recordedAt), costLine),
        event: events.get(recordedAt) ?? null,
      }),
    ),
    shared: borne
      .map((each) => ({ each, chosen: each.parts.filter(isPartOf(choice)) }))
      .filter(({ chosen }) => chosen.length > 0 || (tenantId === null && !isChoice(choice)))
      .map(({ each, chosen }) => ({
        ...{ ...each, parts: chosen.slice(0, first), partCount: chosen.length },
        arithmetic: arithmeticOfShared(each, currency, tenantId),
        event:
          events.get(
            policyOf.get(keyOfSharing({ ...each, period: { start: each.effectiveFrom, end: null } }))?.position ?? 0,
          ) ?? null,
      })),
  };
}

function arithmeticOfShared(shared: MarginShared, currency: string, tenantId: string | null): string | null {
  const ofPool = poolArithmeticOf(shared, currency);
  if (tenantId === null) return ofPool;
  return [...(ofPool === null ? [] : [ofPool]), shareArithmeticOf(shared, currency)].join('; ');
}

/** The row of the file that a provider's line was read from. */
function fileRowOf(event: RecordedEvent | undefined, costLine: string): FileRow | null {
  if (event === undefined) return null;
  const { provider, invoiceRef, lines } = ofType(event, 'CostRecorded', 'CostCorrected').data;
  return fileRow(
    event,
    lines.findIndex(({ lineKey }) => `${provider}/${invoiceRef}/${lineKey}` === costLine),
  );
}
