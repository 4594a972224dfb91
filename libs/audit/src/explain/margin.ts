import type { Series } from '#domain/invoices/invoice';
import { decimal, sum } from '#domain/money/decimal';
import { exactMoney, marginPercent } from '#domain/margin/margin';
import { monthNamed } from '#domain/time/period';
import { costsIn } from '#billing/costs/margin-month';
import { ADMIN, type QueryContext } from '#ledger/query';
import type { RecordedEvent } from '#domain/events';
import { ofType } from '#event-store/codec';
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
  /** Each provider's line as far as it is in the month and the tenant's, with the file that it came in. */
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

/** A month's margin, of all or of one tenant, down to invoices, provider's lines and their events; null where the id is of another form. */
export async function explainMargin(context: QueryContext, id: string): Promise<ExplainedMargin | null> {
  const [month = '', currency = 'USD', encoded] = MARGIN.exec(id)?.slice(1) ?? [];
  if (month === '' || !ADMIN.includes(context.caller.role)) return null;
  const tenantId = encoded === undefined ? null : decodeURIComponent(encoded);
  const revenue = await revenueOf(context, month, currency, tenantId);
  const all = await costsIn(context, monthNamed(month), currency);
  const costs = all.filter((share) => tenantId === null || share.tenantId === tenantId);
  const recorded = await positionsOf(
    context,
    costs.map(({ costLine }) => costLine),
  );
  const positions = [...revenue.map(({ position_from }) => position_from), ...recorded.values()];
  const recordedAt = new Map(
    (await eventsOf(context.core.log, context.position, positions, [])).map((event) => [event.position, event]),
  );
  const events = new Map([...recordedAt].map(([position, event]) => [position, reference(event)]));
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
    costs: costs.map(({ costLine, kind, tenantId: bearer, deploymentId, amount }) => ({
      costLine,
      kind,
      tenantId: bearer,
      deploymentId,
      amount: exactMoney(amount, currency),
      file: fileRowOf(recordedAt.get(recorded.get(costLine) ?? 0), costLine),
      event: events.get(recorded.get(costLine) ?? 0) ?? null,
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

interface Revenue {
  readonly invoice_id: string;
  readonly ordinal: number | null;
  readonly series: Series;
  readonly cause: string;
  readonly deployment_id: string;
  readonly billing_kind: string;
  readonly amount: string;
  readonly position_from: number;
}

async function revenueOf(
  { core, position }: QueryContext,
  month: string,
  currency: string,
  tenantId: string | null,
): Promise<Revenue[]> {
  const { rows } = await core.pool.query<Revenue>(
    `SELECT v.*, CASE WHEN v.cause = 'credited' THEN 'CN' ELSE 'INV' END AS series,
       coalesce(i.ordinal, (SELECT c.ordinal FROM credit_notes c WHERE c.credit_note_id = v.invoice_id AND c.position_from <= $1)) AS ordinal
     FROM revenue v LEFT JOIN invoices i ON i.invoice_id = v.invoice_id AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)
     WHERE v.month = $2 AND v.currency = $3 AND v.position_from <= $1 AND ($4::text IS NULL OR v.tenant_id = $4) ORDER BY v.position_from, v.billing_kind, v.deployment_id`,
    [position, month, currency, tenantId],
  );
  return rows;
}

/** Where cost lines were recorded, as they are in force. */
async function positionsOf(
  { core, position }: QueryContext,
  costLines: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await core.pool.query<{ cost_line: string; position_from: number }>(
    `SELECT * FROM (SELECT provider || '/' || invoice_ref || '/' || line_key AS cost_line, position_from FROM cost_lines
       WHERE position_from <= $1 AND (position_to IS NULL OR position_to > $1)) c WHERE cost_line = ANY($2)`,
    [position, [...new Set(costLines)]],
  );
  return new Map(rows.map((row) => [row.cost_line, row.position_from]));
}
