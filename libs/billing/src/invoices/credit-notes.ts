import { randomUUID } from 'node:crypto';
import { canonicalJson } from '#domain/canonical-json';
import type { EventData, LedgerEvent } from '#domain/events';
import type { Creditable } from '#domain/invoices/credit-note';
import { documentNumber, type FrozenRow } from '#domain/invoices/invoice';
import { paidByCreditNote } from '#domain/invoices/payments';
import type { Account } from '#domain/invoices/settlement';
import { decimal, sum, text } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { FROM_EVER, later } from '#domain/time/instant';
import { packed } from '#domain/usage/usage';
import { readCreditableRows, readFrozenRows, readInvoices } from '#projections/invoices/invoices.read';
import type { CreditNoteRow } from '#projections/invoices/invoices.table';
import { sha256 } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { tenantAccount } from './accounts.js';
import { linesOfTenant } from './contracts.js';
import { printFrozen } from './rated-lines.js';

/** An issued invoice's rows, and those of its credit notes so far, as known at a position. */
export async function creditable(
  core: LedgerCore,
  position: number,
  invoiceId: string,
  currency: string,
): Promise<Creditable> {
  const rows = await readCreditableRows(core.db, position, invoiceId);
  const of = (noted: boolean): FrozenRow[] => rows.filter((each) => each.noted === noted).map(({ row }) => row);
  return { invoiceId, currency, rows: of(false), noted: of(true) };
}

type Heading = Pick<
  EventData<'CreditNoteIssued'>,
  'creditNoteId' | 'invoiceId' | 'tenantId' | 'currency' | 'issuedAt' | 'reason' | 'sellerRef' | 'sellerHash'
>;

/**
 * A credit note is frozen like an invoice: its rows in chunks, then the event that makes them valid. `account`: of the
 * tenant, before the credit note. If it leaves nothing to pay, the invoice is paid.
 */
export function creditNoteEvents(heading: Heading, rows: readonly FrozenRow[], account: Account): LedgerEvent[] {
  const attempt = randomUUID();
  const chunks = packed(rows);
  const credited = (field: 'net' | 'tax') => sum(rows.map((row) => decimal(row[field]))).neg();
  const [subtotal, tax] = [credited('net'), credited('tax')];
  const total = text(subtotal.plus(tax));
  return [
    ...chunks.map((each, n): LedgerEvent => ({
      type: 'InvoiceRowsFrozen',
      data: { invoiceId: heading.creditNoteId, attempt, n, rows: each },
    })),
    {
      type: 'CreditNoteIssued',
      data: {
        ...heading,
        attempt,
        chunks: chunks.length,
        rowsHash: sha256(canonicalJson(rows)),
        subtotal: text(subtotal),
        tax: text(tax),
        total,
      },
    },
    ...paidByCreditNote({ account, ...heading }, { ...heading, total, at: heading.issuedAt }),
  ];
}

/**
 * A credit note as shown, without its rows. Its totals are positive amounts. `payerId`: of the credited invoice, null:
 * the billed tenant itself.
 */
export function creditNoteSummary(row: CreditNoteRow, payerId: string | null) {
  const shown = (amount: string): string => moneyText(decimal(amount), row.currency);
  return {
    creditNoteId: row.credit_note_id,
    number: documentNumber('CN', row.ordinal),
    invoiceId: row.invoice_id,
    tenantId: row.tenant_id,
    payerId,
    currency: row.currency,
    issuedAt: row.issued_at,
    reason: row.reason,
    subtotal: shown(row.subtotal),
    tax: shown(row.tax),
    total: shown(row.total),
  };
}

export type CreditNoteView = Awaited<ReturnType<typeof creditNoteView>>;

/** A credit note as shown, with its rows. They are negative amounts. */
export async function creditNoteView({ core, position }: QueryContext, note: CreditNoteRow) {
  const { credit_note_id: documentId, rows_attempt: attempt, tenant_id: tenantId, invoice_id: invoiceId } = note;
  const rows = (await readFrozenRows(core.db, [{ documentId, attempt }])).map(({ row }) => row);
  // The lines are those that the credited invoice was computed from.
  const [invoice] = await readInvoices(core.db, position, [invoiceId]);
  const known = invoice?.computed_at ?? position;
  const until = rows.reduce((at, { chargePeriod }) => later(at, chargePeriod.start), FROM_EVER);
  const lines = await linesOfTenant(core, known, await tenantAccount(core, known, tenantId), until);
  const filters = new Map(lines.map(({ lineId, filter }) => [lineId, filter]));
  return {
    ...creditNoteSummary(note, invoice?.payer_id ?? null),
    rows: rows.map((row) => ({
      lineId: row.partId,
      deploymentId: row.deploymentId,
      billingKind: row.billingKind,
      filter: filters.get(row.lineId) ?? null,
      period: row.chargePeriod,
      ...printFrozen(row, note.currency),
    })),
  };
}
