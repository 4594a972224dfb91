import { decimal, sum } from '#domain/money/decimal';
import { exactMoney, marginPercent } from '#domain/margin/margin';
import { monthNamed } from '#domain/time/period';
import { costsIn } from '#billing/costs/margin-month';
import { ADMIN, type QueryContext } from '#ledger/query';
import type { RecordedEvent } from '#domain/events';
import { ofType } from '#event-store/codec';
import { readBookedRevenue } from '#projections/margins/margins.read';
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
  /**
   * The share of each provider's line that is in the month and the tenant's, with the file that the line was read from.
   */
  readonly costs: readonly {
    readonly costLine: string;
    readonly kind: string;
    readonly tenantId: string | null;
    readonly deploymentId: string | null;
    readonly amount: string;
    readonly file: FileRow | null;
    readonly event: Reference | null;
  }[];
}

/** `margin:2026-04`, `margin:2026-04/EUR`, `margin:2026-04/USD/<tenant>`. */
const MARGIN = /^margin:(\d{4}-(?:0[1-9]|1[0-2]))(?:\/([A-Z]{3}))?(?:\/(.+))?$/;

/**
 * A month's margin, of all tenants or one, down to invoices, cost lines and their events. null: the id has another
 * form.
 */
export async function explainMargin(context: QueryContext, id: string): Promise<ExplainedMargin | null> {
  const { core, position } = context;
  const [month = '', currency = 'USD', encoded] = MARGIN.exec(id)?.slice(1) ?? [];
  if (month === '' || !ADMIN.includes(context.caller.role)) return null;
  const tenantId = encoded === undefined ? null : decodeURIComponent(encoded);
  const revenue = await readBookedRevenue(core.db, position, { month, currency, tenantId });
  const all = await costsIn(context, monthNamed(month), currency);
  const costs = all.filter((share) => tenantId === null || share.tenantId === tenantId);
  const positions = [...revenue.map((row) => row.position_from), ...costs.map((share) => share.position)];
  const stored = new Map((await eventsOf(core.log, position, positions, [])).map((event) => [event.position, event]));
  const events = new Map([...stored].map(([position, event]) => [position, reference(event)]));
  const [earned, spent] = [sum(revenue.map(({ amount }) => decimal(amount))), sum(costs.map(({ amount }) => amount))];
  const margin = earned.minus(spent);
  const percent = marginPercent(earned, margin);
  const money = (amount: typeof earned): string => exactMoney(amount, currency).replace(/^-/, '−');
  return {
    is: 'margin',
    month,
    currency,
    tenantId,
    arithmetic: `${money(earned)} − ${money(spent)} = ${money(margin)}${percent === null ? '' : ` (${percent} %)`}`,
    revenue: revenue.map((row) => ({
      invoiceId: row.invoice_id,
      number: numberOf(row.ordinal, row.series),
      cause: row.cause,
      deploymentId: row.deployment_id,
      billingKind: row.billing_kind,
      amount: exactMoney(decimal(row.amount), currency),
      event: events.get(row.position_from) ?? null,
    })),
    costs: costs.map(({ costLine, kind, tenantId: bearer, deploymentId, amount, position: recordedAt }) => ({
      costLine,
      kind,
      tenantId: bearer,
      deploymentId,
      amount: exactMoney(amount, currency),
      file: fileRowOf(stored.get(recordedAt), costLine),
      event: events.get(recordedAt) ?? null,
    })),
  };
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
