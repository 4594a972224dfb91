import { compareText } from '#domain/compare-text';
import {
  assertCanBeMember,
  type MemberToBe,
  CONSOLIDATING,
  memberTotals,
  consolidatedIdOf,
  consolidatedStream,
  dueOf,
  type ConsolidatedSubject,
  inOrder,
} from '#domain/invoices/consolidated';
import { notFound } from '#domain/errors';
import { documentNumber } from '#domain/invoices/invoice';
import { decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { plusDays } from '#domain/time/calendar';
import { isUuid } from '#domain/uuid';
import {
  readUnconsolidated,
  readConsolidatedNamed,
  readMembers,
  readPartOf,
} from '#projections/consolidated-invoices/consolidated-invoices.read';
import type { ConsolidatedInvoiceRow } from '#projections/consolidated-invoices/consolidated-invoices.table';
import { readInvoices } from '#projections/invoices/invoices.read';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import type { Decision } from '#ledger/appending/event-book';
import type { CommandCall, CommandDone } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { tenantAccount } from './accounts.js';
import { type InvoiceView, invoiceViews } from './invoice-view.js';

/**
 * Consolidates invoices into one document for their payer. Where the document exists, or nothing is left, the answer
 * is the same and `unchanged`. The lock keeps an invoice from being voided, or consolidated twice, meanwhile.
 * Errors: `unknown_tenant`, `unknown_invoice`, and those of `assertCanBeMember`.
 */
export async function issueConsolidated(
  core: LedgerCore,
  call: CommandCall,
  subject: ConsolidatedSubject,
): Promise<CommandDone> {
  const stream = consolidatedStream(subject.payerId, subject.currency);
  return core.exclusively(CONSOLIDATING, async () =>
    core.book.decideOnReadModels(stream, call, async () => decided(core, subject)),
  );
}

async function decided(core: LedgerCore, subject: ConsolidatedSubject): Promise<Decision> {
  const { payerId, currency, at } = subject;
  const position = await core.projector.catchUp();
  const account = await tenantAccount(core, position, payerId);
  const { consolidatedInvoiceId, isIssued } = await idFor(core, position, subject);
  if (isIssued) return { events: [], result: { consolidatedInvoiceId } };
  const invoices = inOrder(await membersToBe(core, position, subject));
  if (invoices.length === 0) return { events: [], result: { consolidatedInvoiceId: null } };
  const { paymentTermsDays: days, timeZone, detailsRef, detailsHash } = account;
  const dueAt = dueOf(days === null ? null : plusDays(at, days, timeZone), invoices);
  return {
    events: [
      {
        type: 'ConsolidatedInvoiceIssued',
        data: {
          ...{ consolidatedInvoiceId, payerId, currency, issuedAt: at },
          ...(dueAt === undefined ? {} : { dueAt }),
          invoices: invoices.map(({ invoiceId, tenantId }) => ({ invoiceId, tenantId })),
          ...memberTotals(invoices),
          ...{ detailsRef, detailsHash },
          ...(await core.keptSeller.ref()),
        },
      },
    ],
    result: { consolidatedInvoiceId },
  };
}

/** The id of the one of a subject that is not void. `isIssued`: false, it is the id of the next one. */
async function idFor(
  core: LedgerCore,
  position: number,
  subject: ConsolidatedSubject,
): Promise<{ readonly consolidatedInvoiceId: string; readonly isIssued: boolean }> {
  for (let voided = 0; ; voided += 1) {
    const consolidatedInvoiceId = consolidatedIdOf(subject, voided);
    const row = await readConsolidatedNamed(core.db, position, consolidatedInvoiceId);
    if (row === undefined || row.voided_at === null) return { consolidatedInvoiceId, isIssued: row !== undefined };
  }
}

/** The invoices to consolidate: those that are named, or all that can be. */
async function membersToBe(core: LedgerCore, position: number, subject: ConsolidatedSubject): Promise<MemberToBe[]> {
  const { named, at: until } = subject;
  if (named === null)
    return (await readUnconsolidated(core.db, position, { ...subject, until })).map((row) => toMember(row, null));
  const ids = [...named].filter(isUuid);
  const rows = new Map((await readInvoices(core.db, position, ids)).map((row) => [row.invoice_id, row]));
  const partOf = await readPartOf(core.db, position, ids);
  return [...named].map((invoiceId) => {
    const row = rows.get(invoiceId);
    if (row === undefined) throw notFound('unknown_invoice', `there is no invoice ${invoiceId}`);
    const invoice = toMember(row, partOf.get(invoiceId)?.ordinal ?? null);
    assertCanBeMember(invoice, subject);
    return invoice;
  });
}

const toMember = (row: InvoiceRow, partOf: number | null): MemberToBe => ({
  ...{ invoiceId: row.invoice_id, ordinal: row.ordinal, tenantId: row.tenant_id, payerId: row.payer_id },
  ...{ currency: row.currency, status: row.status, issuedAt: row.issued_at, dueAt: row.due_at },
  ...{ subtotal: row.subtotal, tax: row.tax, total: row.total, partOf },
});

export type ConsolidatedView = ReturnType<typeof printConsolidated>;

/** Consolidated invoices as shown. What is due and paid of their invoices is as of the position of the query. */
export const consolidatedViews = async (
  context: QueryContext,
  rows: readonly ConsolidatedInvoiceRow[],
): Promise<ConsolidatedView[]> =>
  (await withInvoices(context, rows, { withoutLines: true })).map(({ consolidated }) => consolidated);

export async function consolidatedView(context: QueryContext, row: ConsolidatedInvoiceRow): Promise<ConsolidatedView> {
  return (await withItsInvoices(context, row, { withoutLines: true })).consolidated;
}

/** Consolidated invoices, and the invoices of each: by tenant, then in the order of their numbers. */
async function withInvoices(
  context: QueryContext,
  rows: readonly ConsolidatedInvoiceRow[],
  shown: { readonly withoutLines?: boolean } = {},
): Promise<{ readonly consolidated: ConsolidatedView; readonly invoices: readonly InvoiceView[] }[]> {
  const ids = rows.map((row) => row.consolidated_invoice_id);
  const members = await readMembers(context.core.db, context.position, ids);
  const views = await invoiceViews(context, members, shown);
  const viewsOf = Map.groupBy(views, (_, index) => members[index]?.consolidated_invoice_id);
  return rows.map((row) => {
    const invoices = viewsOf.get(row.consolidated_invoice_id) ?? [];
    return { consolidated: printConsolidated(row, invoices), invoices };
  });
}

/** The same of one. */
export async function withItsInvoices(
  context: QueryContext,
  row: ConsolidatedInvoiceRow,
  shown: { readonly withoutLines?: boolean } = {},
): Promise<{ readonly consolidated: ConsolidatedView; readonly invoices: readonly InvoiceView[] }> {
  const [found] = await withInvoices(context, [row], shown);
  if (found === undefined) throw new Error(`consolidated invoice ${row.consolidated_invoice_id} has no view`);
  return found;
}

function printConsolidated(row: ConsolidatedInvoiceRow, invoices: readonly InvoiceView[]) {
  const { currency } = row;
  const money = (amount: string): string => moneyText(decimal(amount), currency);
  const added = (of: readonly InvoiceView[], field: Figure): string =>
    moneyText(sum(of.map((invoice) => decimal(invoice[field]))), currency);
  const isVoid = row.voided_at !== null;
  // Of a void one nothing is due: each of its invoices is due by itself.
  const due = (field: 'creditTaken' | 'amountDue' | 'amountPaid'): string =>
    isVoid ? money('0') : added(invoices, field);
  // Of an invoice that credit covers in full nothing is due, and it stays issued.
  const isPaid = invoices.every(({ amountDue, amountPaid }) => decimal(amountPaid).gte(decimal(amountDue)));
  return {
    consolidatedInvoiceId: row.consolidated_invoice_id,
    number: documentNumber('CI', row.ordinal),
    status: isVoid ? ('void' as const) : isPaid ? ('paid' as const) : ('issued' as const),
    payerId: row.payer_id,
    currency,
    issuedAt: row.issued_at,
    dueAt: row.due_at,
    voidedAt: row.voided_at,
    tenants: [...Map.groupBy(invoices, ({ tenantId }) => tenantId)].map(([tenantId, own]) => ({
      tenantId,
      invoices: own.map((invoice) => ({
        ...{ invoiceId: invoice.invoiceId, number: invoice.number ?? '', status: invoice.status },
        ...{ subtotal: invoice.subtotal, tax: invoice.tax, total: invoice.total },
        ...{ amountDue: invoice.amountDue, amountPaid: invoice.amountPaid },
      })),
      ...{ subtotal: added(own, 'subtotal'), tax: added(own, 'tax'), total: added(own, 'total') },
    })),
    taxes: taxesOf(invoices, currency),
    ...{ subtotal: money(row.subtotal), tax: money(row.tax), total: money(row.total) },
    ...{ creditTaken: due('creditTaken'), amountDue: due('amountDue'), amountPaid: due('amountPaid') },
  };
}

type Figure = 'subtotal' | 'tax' | 'total' | 'creditTaken' | 'amountDue' | 'amountPaid';

/** Taxes by name and rate over all invoices, as an invoice has them. */
function taxesOf(invoices: readonly InvoiceView[], currency: string): InvoiceView['taxes'] {
  const taxes = invoices.flatMap((invoice) => invoice.taxes);
  const groups = Map.groupBy(taxes, ({ name, ratePercent }) => JSON.stringify([name, text(decimal(ratePercent))]));
  return [...groups.values()]
    .flatMap((of) => {
      const [first] = of;
      if (first === undefined) return [];
      const added = (field: 'net' | 'tax'): string => moneyText(sum(of.map((each) => decimal(each[field]))), currency);
      return [{ ...first, net: added('net'), tax: added('tax') }];
    })
    .sort((a, b) => decimal(b.ratePercent).cmp(decimal(a.ratePercent)) || compareText(a.name ?? '', b.name ?? ''));
}
