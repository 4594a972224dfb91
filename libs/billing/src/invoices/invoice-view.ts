import { type ClaimedPart, documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, billingOfClaim } from '#domain/invoices/rate-invoice';
import { settle } from '#domain/invoices/settlement';
import type { LineDefinition } from '#domain/lines/line';
import type { Quarantined } from '#domain/lines/rate';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { isForUsage } from '#domain/prices/refs';
import { taxAt, type TaxRate } from '#domain/tenants/tenant';
import { compareInstants, type Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { linesOfTenant, recordedParts, type TenantAccount, tenantAccount } from './billing.js';
import { claimedParts, rated } from './invoicing.js';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { netText, partQuantities, printFrozen } from './rated-lines.js';

/** What stands on an invoice: the parts it bills, and its rows, which are of these and of parts that they correct. */
interface Contents {
  readonly claimed: readonly ClaimedPart[];
  readonly rows: readonly FrozenRow[];
  readonly lines: readonly LineDefinition[];
  /** Usage within each claimed part. */
  readonly quantities: ReadonlyMap<string, string>;
  /** The numbers of the invoices that a correction's row corrects, by its id. */
  readonly corrected: ReadonlyMap<string, readonly string[]>;
}

export type InvoiceView = Awaited<ReturnType<typeof invoiceView>>;

/** An issued invoice as it was frozen, a draft as it rates now. */
export async function invoiceView(context: QueryContext, row: InvoiceRow) {
  const { core, position } = context;
  const { currency, tenant_id: tenantId } = row;
  // What was learnt of the tenant after an invoice was computed is not on it.
  const known = row.computed_at ?? position;
  const account = await tenantAccount(core, known, tenantId);
  const claimed = await claimedParts(core, position, row.invoice_id);
  const isRated = row.rows_attempt === null;
  const draft = isRated
    ? await rated(core, position, account, row.invoice_id, row.as_of, row.selection, (facts) =>
        billingOfClaim(facts, claimed),
      )
    : null;
  const rows = draft === null ? await frozenRows(context, row) : draft.invoice.rows;
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
    ...(headerOf(row) ?? totalsOf(rows, currency)),
    taxes: taxesOf(rows, account.taxes, currency),
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
  const { currency, taxes } = account;
  return {
    invoiceId: null,
    number: null,
    status: 'preview' as const,
    tenantId,
    currency,
    asOf: at,
    lines: linesOf(contents, currency),
    ...totalsOf(invoice.rows, currency),
    taxes: taxesOf(invoice.rows, taxes, currency),
    quarantined,
  };
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
  const quantities = await partQuantities(
    core,
    known,
    lines.filter(({ lineId }) => ids.has(lineId)),
    recorded,
    parts,
  );
  return { claimed, rows, lines, quantities, corrected: await correctedInvoices(core, known, rows) };
}

/** Where a part was issued with nothing to pay there is no row to name: then it is the invoice that claims the part. */
async function correctedInvoices(
  core: LedgerCore,
  known: number,
  rows: readonly FrozenRow[],
): Promise<Map<string, string[]>> {
  const correcting = rows.filter(({ kind }) => kind !== 'charge');
  if (correcting.length === 0) return new Map();
  const named = correcting.flatMap(({ rowId, corrects = [] }) => corrects.map((corrected) => ({ rowId, corrected })));
  const unnamed = correcting.filter(({ corrects }) => corrects === undefined);
  const { rows: found } = await core.pool.query<{ row_id: string; ordinal: number }>(
    `SELECT c.row_id, i.ordinal FROM unnest($2::uuid[], $3::uuid[]) AS c(row_id, corrected)
       JOIN invoice_rows r ON r.row_id = c.corrected JOIN invoices i ON i.invoice_id = r.invoice_id AND i.rows_attempt = r.attempt
       WHERE i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)
     UNION SELECT c.row_id, i.ordinal FROM unnest($4::uuid[], $5::uuid[]) AS c(row_id, part_id)
       JOIN invoice_parts p ON p.part_id = c.part_id JOIN invoices i ON i.invoice_id = p.invoice_id AND i.parts_attempt = p.attempt
       WHERE i.status IN ('issued', 'paid') AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)
     ORDER BY ordinal`,
    [
      known,
      named.map(({ rowId }) => rowId),
      named.map(({ corrected }) => corrected),
      unnamed.map(({ rowId }) => rowId),
      unnamed.map(({ partId }) => partId),
    ],
  );
  const byRow = Map.groupBy(found, ({ row_id }) => row_id);
  return new Map([...byRow].map(([rowId, of]) => [rowId, of.map(({ ordinal }) => documentNumber('INV', ordinal))]));
}

function linesOf({ claimed, rows, lines, quantities, corrected: numbers }: Contents, currency: string) {
  const lineOf = new Map(lines.map((line) => [line.lineId, line]));
  const charges = Map.groupBy(
    rows.filter(({ kind }) => kind === 'charge'),
    ({ partId }) => partId,
  );
  const corrections = Map.groupBy(
    rows.filter(({ kind }) => kind !== 'charge'),
    ({ partId }) => partId,
  );
  const billed = claimed.map(({ lineId, partId, period }) => {
    const own = charges.get(partId) ?? [];
    return lineView(
      { lineId, partId, period, line: lineOf.get(lineId) },
      own,
      currency,
      quantities.get(partId) ?? '0',
      null,
    );
  });
  const corrected = [...corrections].flatMap(([partId, group]) => {
    const first = group[0];
    if (first === undefined) return [];
    const of = { lineId: first.lineId, partId, period: first.chargePeriod, line: lineOf.get(first.lineId) };
    return [lineView(of, group, currency, meteredQuantity(group), numbers)];
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

/** By how much a correction moves what is billed. */
const meteredQuantity = (rows: readonly FrozenRow[]): string =>
  text(sum(rows.filter(({ ref }) => isForUsage(ref)).map(({ quantity }) => decimal(quantity))));

function lineView(
  of: { lineId: string; partId: string; period: Period; line: LineDefinition | undefined },
  rows: readonly FrozenRow[],
  currency: string,
  quantity: string,
  corrected: ReadonlyMap<string, readonly string[]> | null,
) {
  const known = of.line ?? rows[0];
  const terms = of.line?.segments.at(-1)?.terms;
  const isPart = of.partId !== of.lineId;
  return {
    lineId: of.partId,
    parentLineId: isPart ? of.lineId : null,
    /** The whole charge period of the line that was cut; null where none was, or the line is no more. */
    parentPeriod: (isPart ? of.line?.period : undefined) ?? null,
    subscriptionId: known?.subscriptionId ?? null,
    deploymentId: known?.deploymentId ?? null,
    billingKind: known?.billingKind ?? '',
    period: of.period,
    quantity,
    /** Of the whole charge period, in units of the conversion: the last terms in it. */
    included: terms?.included ?? null,
    unitConversion: terms?.unitConversion ?? null,
    rows: rows.map((row) => ({
      ...printFrozen(row, currency),
      ...(corrected === null ? {} : { correctsInvoices: corrected.get(row.rowId) ?? [] }),
    })),
    net: netText(rows, currency),
    tax: moneyText(sum(rows.map(({ tax }) => decimal(tax))), currency),
    correction: corrected !== null,
  };
}

/** As it was frozen; null: of a draft, which has none yet. */
function headerOf({ subtotal, tax, total, currency }: InvoiceRow) {
  if (subtotal === null || tax === null || total === null) return null;
  return {
    subtotal: moneyText(decimal(subtotal), currency),
    tax: moneyText(decimal(tax), currency),
    total: moneyText(decimal(total), currency),
  };
}

/** The tax of each name and rate, and what it is on. A row has the rate frozen; its name is that of the tax then in force at that rate. */
function taxesOf(rows: readonly FrozenRow[], taxes: readonly TaxRate[], currency: string) {
  const nameOf = (row: FrozenRow): string | null => {
    const isAtRate = ({ ratePercent }: TaxRate): boolean => decimal(ratePercent).eq(decimal(row.taxRatePercent));
    const inForce = taxAt(taxes, row.chargePeriod.start);
    return (inForce !== null && isAtRate(inForce) ? inForce : taxes.find(isAtRate))?.name ?? null;
  };
  const named = rows.map((row) => ({ row, name: nameOf(row) }));
  return [...Map.groupBy(named, ({ row, name }) => JSON.stringify([name, row.taxRatePercent])).values()]
    .flatMap((of) => {
      const [first] = of;
      if (first === undefined) return [];
      const added = (field: 'net' | 'tax'): string =>
        moneyText(sum(of.map(({ row }) => decimal(row[field]))), currency);
      return [{ name: first.name, ratePercent: first.row.taxRatePercent, net: added('net'), tax: added('tax') }];
    })
    .sort((a, b) => decimal(b.ratePercent).cmp(decimal(a.ratePercent)) || compareText(a.name ?? '', b.name ?? ''));
}

function totalsOf(rows: readonly FrozenRow[], currency: string) {
  const subtotal = sum(rows.map(({ net }) => decimal(net)));
  const tax = sum(rows.map((row) => decimal(row.tax)));
  return {
    subtotal: moneyText(subtotal, currency),
    tax: moneyText(tax, currency),
    total: moneyText(subtotal.plus(tax), currency),
  };
}

/** What is to be paid: of a draft, were it issued now; of a void invoice nothing. */
async function settlementOf({ core, position }: QueryContext, row: InvoiceRow, rows: readonly FrozenRow[]) {
  const shown = (taken: string, due: string) => ({
    creditTaken: moneyText(decimal(taken), row.currency),
    amountDue: moneyText(decimal(due), row.currency),
  });
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
  const notes = await core.db
    .selectFrom('credit_notes')
    .selectAll()
    .where('invoice_id', '=', invoiceId)
    .where(inForceAt(position))
    .orderBy('ordinal')
    .execute();
  return notes.map((note) => ({
    creditNoteId: note.credit_note_id,
    number: documentNumber('CN', note.ordinal),
    issuedAt: note.issued_at,
    reason: note.reason,
    total: moneyText(decimal(note.total), currency),
  }));
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
