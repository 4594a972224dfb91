import { type ClaimedPart, documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, billingOfClaim } from '#domain/invoices/rate-invoice';
import { settle } from '#domain/invoices/settlement';
import type { LineDefinition } from '#domain/lines/line';
import type { Quarantined } from '#domain/lines/rate';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { compareInstants, type Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { linesOfTenant, recordedParts, type TenantAccount, tenantAccount } from './billing.js';
import { claimedParts, rated } from './invoicing.js';
import { inForceAt } from './ledger-core.js';
import type { QueryContext } from './query.js';
import { netText, partQuantities, printFrozen } from './rated-lines.js';

/** What stands on an invoice: the parts it bills, and its rows, which are of these and of parts that they correct. */
interface Contents {
  readonly claimed: readonly ClaimedPart[];
  readonly rows: readonly FrozenRow[];
  readonly lines: readonly LineDefinition[];
  /** Usage within each claimed part. */
  readonly quantities: ReadonlyMap<string, string>;
}

/** An issued invoice as it was frozen, a draft as it rates now. */
export async function invoiceView(context: QueryContext, row: InvoiceRow) {
  const { core, position } = context;
  const { currency, tenant_id: tenantId } = row;
  const account = await tenantAccount(core, position, tenantId);
  const claimed = await claimedParts(core, position, row.invoice_id);
  const isRated = row.rows_attempt === null;
  const draft = isRated ? await rated(core, position, account, row.invoice_id, row.as_of, row.selection, (facts) => billingOfClaim(facts, claimed)) : null;
  const rows = draft === null ? await frozenRows(context, row) : draft.invoice.rows;
  const known = row.computed_at ?? position;
  const contents = await contentsOf(context, account, claimed, rows, known, row.as_of);
  return {
    invoiceId: row.invoice_id,
    number: row.ordinal === null ? null : documentNumber('INV', row.ordinal),
    status: row.status,
    tenantId,
    currency,
    asOf: row.as_of,
    selection: row.selection,
    issuedAt: row.issued_at,
    paidAt: row.paid_at,
    voidedAt: row.voided_at,
    computedAt: row.computed_at,
    lines: linesOf(contents, currency),
    ...totalsOf(rows, currency),
    ...(await settlementOf(context, row, rows)),
    creditNotes: await creditNotesOf(context, row),
    quarantined: draft?.invoice.quarantined ?? row.quarantined ?? [],
  };
}

/** What an invoice as of an instant would be, were it made now. Nothing is stored. */
export async function invoicePreview(context: QueryContext, tenantId: string, at: Instant) {
  const { core, position } = context;
  const account = await tenantAccount(core, position, tenantId);
  const { invoice } = await rated(core, position, account, 'preview', at, null, (facts) => billingAsOf(facts, at));
  const contents = await contentsOf(context, account, invoice.claimed, invoice.rows, position, at);
  const quarantined: readonly Quarantined[] = invoice.quarantined;
  return { invoiceId: null, number: null, status: 'preview', tenantId, currency: account.currency, asOf: at, lines: linesOf(contents, account.currency), ...totalsOf(invoice.rows, account.currency), quarantined };
}

async function contentsOf(
  { core, position }: QueryContext,
  account: TenantAccount,
  claimed: readonly ClaimedPart[],
  rows: readonly FrozenRow[],
  known: number,
  until: Instant,
): Promise<Contents> {
  const lines = await linesOfTenant(core, known, account, until);
  const ids = new Set(claimed.map(({ lineId }) => lineId));
  const recorded = await recordedParts(core, position, account.tenantId);
  const parts = Map.groupBy(claimed, ({ lineId }) => lineId);
  const quantities = await partQuantities(core, known, lines.filter(({ lineId }) => ids.has(lineId)), recorded, parts);
  return { claimed, rows, lines, quantities };
}

function linesOf({ claimed, rows, lines, quantities }: Contents, currency: string) {
  const lineOf = new Map(lines.map((line) => [line.lineId, line]));
  const charges = Map.groupBy(rows.filter(({ kind }) => kind === 'charge'), ({ partId }) => partId);
  const corrections = Map.groupBy(rows.filter(({ kind }) => kind !== 'charge'), ({ partId }) => partId);
  const billed = claimed.map(({ lineId, partId, period }) => {
    const own = charges.get(partId) ?? [];
    return lineView({ lineId, partId, period, line: lineOf.get(lineId) }, own, currency, quantities.get(partId) ?? '0', false);
  });
  const corrected = [...corrections].flatMap(([partId, group]) => {
    const first = group[0];
    if (first === undefined) return [];
    const of = { lineId: first.lineId, partId, period: first.chargePeriod, line: lineOf.get(first.lineId) };
    return [lineView(of, group, currency, meteredQuantity(group), true)];
  });
  return [...billed, ...corrected].sort(
    (a, b) =>
      compareText(a.billingKind, b.billingKind) ||
      compareInstants(a.period.start, b.period.start) ||
      Number(a.correction) - Number(b.correction) ||
      compareText(a.subscriptionId ?? '', b.subscriptionId ?? '') ||
      compareText(a.lineId, b.lineId),
  );
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Rows that count no usage: what is owed once, or for the period as such. */
const COUNTS_NO_USAGE = /^(flat|fixed|minimum-commitment|tier-\d+-flat)$/;
/** By how much a correction moves what is billed. */
const meteredQuantity = (rows: readonly FrozenRow[]): string => text(sum(rows.filter(({ ref }) => !COUNTS_NO_USAGE.test(ref)).map(({ quantity }) => decimal(quantity))));

function lineView(
  of: { lineId: string; partId: string; period: Period; line: LineDefinition | undefined },
  rows: readonly FrozenRow[],
  currency: string,
  quantity: string,
  correction: boolean,
) {
  const known = of.line ?? rows[0];
  return {
    lineId: of.partId,
    parentLineId: of.partId === of.lineId ? null : of.lineId,
    subscriptionId: known?.subscriptionId ?? null,
    deploymentId: known?.deploymentId ?? null,
    billingKind: known?.billingKind ?? '',
    period: of.period,
    quantity,
    rows: rows.map((row) => printFrozen(row, currency)),
    net: netText(rows, currency),
    tax: moneyText(sum(rows.map(({ tax }) => decimal(tax))), currency),
    correction,
  };
}

function totalsOf(rows: readonly FrozenRow[], currency: string) {
  const subtotal = sum(rows.map(({ net }) => decimal(net)));
  const tax = sum(rows.map((row) => decimal(row.tax)));
  return { subtotal: moneyText(subtotal, currency), tax: moneyText(tax, currency), total: moneyText(subtotal.plus(tax), currency) };
}

/** What is to be paid: of a draft, were it issued now; of a void invoice nothing. */
async function settlementOf({ core, position }: QueryContext, row: InvoiceRow, rows: readonly FrozenRow[]) {
  const shown = (taken: string, due: string) => ({ creditTaken: moneyText(decimal(taken), row.currency), amountDue: moneyText(decimal(due), row.currency) });
  if (row.status === 'void') return shown('0', '0');
  if (row.credit_taken !== null && row.amount_due !== null) return shown(row.credit_taken, row.amount_due);
  const credits = await core.db
    .selectFrom('tenant_credits')
    .select('credit')
    .where('tenant_id', '=', row.tenant_id)
    .where('currency', '=', row.currency)
    .where(inForceAt(position))
    .executeTakeFirst();
  const total = sum(rows.map(({ net, tax }) => decimal(net).plus(decimal(tax))));
  const { creditTaken, amountDue } = settle(total, credits === undefined ? ZERO : decimal(credits.credit));
  return shown(text(creditTaken), text(amountDue));
}

async function creditNotesOf({ core, position }: QueryContext, { invoice_id: invoiceId, currency }: InvoiceRow) {
  const notes = await core.db.selectFrom('credit_notes').selectAll().where('invoice_id', '=', invoiceId).where(inForceAt(position)).orderBy('ordinal').execute();
  return notes.map((note) => ({ creditNoteId: note.credit_note_id, number: documentNumber('CN', note.ordinal), total: moneyText(decimal(note.total), currency) }));
}

async function frozenRows({ core }: QueryContext, row: InvoiceRow): Promise<FrozenRow[]> {
  const rows = await core.db
    .selectFrom('invoice_rows')
    .select('row')
    .where('invoice_id', '=', row.invoice_id)
    .where('attempt', '=', row.rows_attempt ?? '')
    .orderBy('n')
    .execute();
  return rows.map((each) => each.row);
}
