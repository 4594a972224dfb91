import { type ClaimedPart, documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, billingOfClaim } from '#domain/invoices/rate-invoice';
import type { LineDefinition } from '#domain/lines/line';
import type { Quarantined } from '#domain/lines/rate';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { type Instant, later } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import {
  type CorrectedInvoice,
  readCorrectedInvoices,
  readCreditNotesOf,
  readFrozenRows,
  readTenantCredits,
} from '#projections/invoices/invoices.read';
import { readPartOf } from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { payerFor } from '#domain/tenants/payer';
import { positionsOf } from '#read-model/at';
import { accountsOf, isBilledIn, type TenantAccount, tenantAccount } from './accounts.js';
import { type Lines, readLines } from './contracts.js';
import {
  type CorrectedBy,
  type InvoiceContents,
  type InvoiceView,
  printInvoice,
  printLines,
  printTaxes,
  printTotals,
} from './invoice-format.js';
import { loadUsageAt } from './line-usage.js';
import {
  billingsOf,
  claimedPartsOf,
  type InvoiceToRate,
  isNothing,
  rate,
  rated,
  usageNeededFor,
} from './rated-invoice.js';
import { type PartsOfLine, quantitiesOf, usageOfParts } from './rated-lines.js';
import { pricesOfRows, type RowOfLine } from './row-prices.js';

export type { InvoiceView } from './invoice-format.js';

/** What is known of an invoice before usage is read. */
interface Found {
  readonly row: InvoiceRow;
  /** The tenant and its lines are shown as of this position. */
  readonly known: number;
  readonly account: TenantAccount;
  readonly claimed: readonly ClaimedPart[];
  readonly lines: readonly LineDefinition[];
}

/**
 * Issued invoices as they were frozen, and drafts as they rate now, in a constant number of statements. Without lines,
 * no usage of issued invoices is read: it is only the quantity of their lines.
 */
export async function invoiceViews(
  context: QueryContext,
  rows: readonly InvoiceRow[],
  { withoutLines = false }: { readonly withoutLines?: boolean } = {},
): Promise<InvoiceView[]> {
  const { core, position } = context;
  const ids = rows.map(({ invoice_id }) => invoice_id);
  const withLines = withoutLines ? rows.filter(isDraft) : rows;
  const lines = await linesFor(context, withLines);
  const found = await find(context, rows, { lines, withLines: new Set(withLines) });
  const drafts = found.filter(({ row }) => isDraft(row));
  const billings = drafts.length === 0 ? [] : await billingsOf(core, position, drafts.map(toRate), lines);
  const parts = withoutLines ? [] : found.map(partsOf);
  const usage = await loadUsageAt(core, [...billings.flatMap(usageNeededFor), ...parts.flat().flatMap(usageOfParts)]);
  const ratedOf = new Map(billings.map((billing) => [billing.invoiceId, rate(billing, usage)]));
  const frozen = await frozenRows(core, rows);
  const rowsOf = (id: string): readonly FrozenRow[] => ratedOf.get(id)?.rows ?? frozen(id);
  const shown = new Map(
    withoutLines ? [] : found.map((of) => [of.row.invoice_id, linesShown(of, rowsOf(of.row.invoice_id), lines)]),
  );
  const corrected = await correctedBy(
    core,
    (withoutLines ? [] : found).flatMap(({ row, known }) => {
      const contents = { rows: rowsOf(row.invoice_id), lines: shown.get(row.invoice_id) ?? [] };
      return correcting(contents, { known, currency: row.currency });
    }),
  );
  const creditOf = await tenantCredits(context, drafts);
  const notes = Map.groupBy(await readCreditNotesOf(core.db, position, ids), ({ invoice_id }) => invoice_id);
  const partOf = await readPartOf(core.db, position, ids);
  return found.map(({ row, account, claimed }, index) => {
    const id = row.invoice_id;
    const quantities = new Map((parts[index] ?? []).flatMap((of) => quantitiesOf(of, usage)));
    return printInvoice(row, {
      rows: rowsOf(id),
      contents: withoutLines ? null : { claimed, rows: rowsOf(id), lines: shown.get(id) ?? [], quantities, corrected },
      payerId: row.ordinal === null ? payerFor(account.payers, row.as_of, rowsOf(id)) : row.payer_id,
      taxes: account.taxes,
      tenantCredit: creditOf(row),
      notes: notes.get(id) ?? [],
      partOf: maySeeConsolidated(context, row) ? partOf.get(id) : undefined,
      quarantined: ratedOf.get(id)?.quarantined ?? row.quarantined ?? [],
    });
  });
}

/** A consolidated invoice is seen by its payer, and not by the billed tenants. */
const maySeeConsolidated = ({ confinedTo }: QueryContext, row: InvoiceRow): boolean =>
  confinedTo === null || confinedTo === (row.payer_id ?? row.tenant_id);

/** Whether an invoice is part of a consolidated one, also of one that the caller may not see in its view. */
export async function isConsolidated(
  context: QueryContext,
  row: InvoiceRow,
  view: Pick<InvoiceView, 'consolidatedInvoiceId'>,
): Promise<boolean> {
  if (maySeeConsolidated(context, row)) return view.consolidatedInvoiceId !== null;
  return (await readPartOf(context.core.db, context.position, [row.invoice_id])).has(row.invoice_id);
}

export async function invoiceView(context: QueryContext, row: InvoiceRow): Promise<InvoiceView> {
  const [view] = await invoiceViews(context, [row]);
  if (view === undefined) throw new Error(`invoice ${row.invoice_id} has no view`);
  return view;
}

const isDraft = ({ rows_attempt: attempt }: InvoiceRow): boolean => attempt === null;

/** A fee in advance may be corrected by an invoice of an earlier instant: its line begins later. */
function linesShown({ row, account, known, lines }: Found, rows: readonly FrozenRow[], all: Lines): Found['lines'] {
  const until = throughCorrections(row.as_of, rows);
  return until === row.as_of ? lines : all({ account, position: known, until });
}

const throughCorrections = (asOf: Instant, rows: readonly FrozenRow[]): Instant =>
  rows.reduce((at, { chargePeriod }) => later(at, chargePeriod.start), asOf);

/** An issued invoice shows its tenant as known when the invoice was computed. */
const knownOf = (position: number, { computed_at: computedAt }: InvoiceRow): number => computedAt ?? position;

const linesFor = async ({ core, position }: QueryContext, rows: readonly InvoiceRow[]): Promise<Lines> =>
  readLines(core, positionsOf([position, ...rows.map((row) => knownOf(position, row))]), [
    ...new Set(rows.map(({ tenant_id }) => tenant_id)),
  ]);

/** `withLines`: those whose lines were read. The others are found without lines. */
async function find(
  { core, position }: QueryContext,
  rows: readonly InvoiceRow[],
  { lines, withLines }: { readonly lines: Lines; readonly withLines: ReadonlySet<InvoiceRow> },
): Promise<Found[]> {
  const tenants = rows.map((row) => ({ tenantId: row.tenant_id, position: knownOf(position, row) }));
  const accounts = await accountsOf(core, tenants);
  const ids = rows.map(({ invoice_id }) => invoice_id);
  const claimed = await claimedPartsOf(core, position, ids);
  return rows.map((row) => {
    const known = knownOf(position, row);
    const account = accounts({ tenantId: row.tenant_id, position: known, currency: row.currency });
    return {
      row,
      known,
      account,
      claimed: claimed.get(row.invoice_id) ?? [],
      lines: withLines.has(row) ? lines({ account, position: known, until: row.as_of }) : [],
    };
  });
}

const toRate = ({ row, account, claimed }: Found): InvoiceToRate => ({
  invoiceId: row.invoice_id,
  account,
  until: row.as_of,
  selection: row.selection,
  select: (facts) => billingOfClaim(facts, { invoiceId: row.invoice_id, asOf: row.as_of, claimed }),
});

/** The parts that an invoice claims, by line. */
function partsOf({ claimed, lines, known }: Omit<Found, 'row' | 'account'>): PartsOfLine[] {
  const byLine = Map.groupBy(claimed, ({ lineId }) => lineId);
  return lines.flatMap((line) => {
    const parts = byLine.get(line.lineId);
    return parts === undefined ? [] : [{ line, parts, position: known }];
  });
}

async function frozenRows(
  { db }: LedgerCore,
  rows: readonly InvoiceRow[],
): Promise<(invoiceId: string) => readonly FrozenRow[]> {
  const attempts = rows.flatMap(({ invoice_id: documentId, rows_attempt: attempt }) =>
    attempt === null ? [] : [{ documentId, attempt }],
  );
  const frozen = Map.groupBy(await readFrozenRows(db, attempts), ({ invoice_id }) => invoice_id);
  return (invoiceId) => (frozen.get(invoiceId) ?? []).map(({ row }) => row);
}

/** The credit of tenants, which their drafts would take. */
async function tenantCredits(
  { core, position }: QueryContext,
  drafts: readonly Found[],
): Promise<(row: InvoiceRow) => Decimal> {
  const tenantIds = [...new Set(drafts.map(({ row }) => row.tenant_id))];
  const credits = tenantIds.length === 0 ? [] : await readTenantCredits(core.db, position, tenantIds);
  return ({ tenant_id: tenantId, currency }) => {
    const credit = credits.find((each) => each.tenant_id === tenantId && each.currency === currency);
    return credit === undefined ? ZERO : decimal(credit.credit);
  };
}

type Correction = Omit<RowOfLine, 'knownBefore'>;

/** The rows of an invoice that correct others. */
function correcting(
  { rows, lines }: Pick<InvoiceContents, 'rows' | 'lines'>,
  { known, currency }: Pick<Correction, 'known' | 'currency'>,
): Correction[] {
  const corrections = rows.filter(({ kind }) => kind !== 'charge');
  if (corrections.length === 0) return [];
  const lineOf = new Map(lines.map((line) => [line.lineId, line]));
  return corrections.map((row) => ({ row, line: lineOf.get(row.lineId), currency, known }));
}

/**
 * The numbers of the invoices that rows correct, by row, and the prices of rebooked rows. A part issued with nothing to
 * pay has no row to name: then the number is that of the invoice that claims the part.
 */
async function correctedBy(core: LedgerCore, rows: readonly Correction[]): Promise<InvoiceContents['corrected']> {
  if (rows.length === 0) return new Map();
  const wanted = rows.map(({ row: { rowId, partId, corrects }, known }) => ({
    ...{ rowId, partId, corrects, position: known },
  }));
  const invoicesOf = Map.groupBy(await readCorrectedInvoices(core.db, wanted), ({ row_id }) => row_id);
  const rebooked = rows
    .filter(({ row }) => row.kind === 'rebooked')
    .map((of) => ({ ...of, knownBefore: lastComputed(invoicesOf.get(of.row.rowId) ?? []) }));
  const prices = await pricesOfRows(core, rebooked);
  const priceOf = new Map(rebooked.map(({ row }, index) => [row.rowId, prices[index]]));
  return new Map(
    rows.map(({ row: { rowId } }): [string, CorrectedBy] => {
      const numbers = (invoicesOf.get(rowId) ?? []).map(({ ordinal }) => documentNumber('INV', ordinal));
      const price = priceOf.get(rowId);
      return [rowId, price === undefined ? { numbers } : { numbers, price }];
    }),
  );
}

const lastComputed = (corrected: readonly CorrectedInvoice[]): number | null =>
  corrected.length === 0 ? null : Math.max(...corrected.map(({ computed_at }) => computed_at));

/** The invoice that would be made as of an instant. Nothing is stored. */
export async function invoicePreview(
  context: QueryContext,
  { tenantId, at, currency: asked }: { tenantId: string; at: Instant; currency: string | undefined },
) {
  const { core, position } = context;
  const account = await tenantAccount(core, position, tenantId, asked);
  const { currency, taxes } = account;
  const known = await readLines(core, position, [tenantId]);
  const toBill = (of: TenantAccount): InvoiceToRate => ({
    ...{ invoiceId: 'preview', account: of, until: at, selection: null },
    select: (facts) => billingAsOf(facts, at),
  });
  const { invoice } = await rated(core, position, toBill(account), known);
  const otherCurrencies: string[] = [];
  for (const other of account.currencies.filter((each) => each !== currency)) {
    const { invoice: due } = await rated(core, position, toBill({ ...account, currency: other }), known);
    if (!isNothing(due) || due.quarantined.length > 0) otherCurrencies.push(other);
  }
  const { claimed, rows } = invoice;
  const quarantined: readonly Quarantined[] = invoice.quarantined;
  const lines = known({ account, position, until: at }).filter((line) => isBilledIn(account, line));
  const parts = partsOf({ claimed, lines, known: position });
  const usage = await loadUsageAt(core, parts.flatMap(usageOfParts));
  const until = throughCorrections(at, rows);
  const shown = until === at ? lines : known({ account, position, until });
  const contents: InvoiceContents = {
    claimed,
    rows,
    lines: shown,
    quantities: new Map(parts.flatMap((of) => quantitiesOf(of, usage))),
    corrected: await correctedBy(core, correcting({ rows, lines: shown }, { known: position, currency })),
  };
  return {
    invoiceId: null,
    number: null,
    status: 'preview' as const,
    tenantId,
    payerId: payerFor(account.payers, at, rows),
    currency,
    asOf: at,
    lines: printLines(contents, currency),
    ...printTotals(rows, currency),
    taxes: printTaxes(rows, taxes, currency),
    quarantined,
    otherCurrencies,
  };
}
