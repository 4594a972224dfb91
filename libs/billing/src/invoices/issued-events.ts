import { randomUUID } from 'node:crypto';
import { canonicalJson } from '#domain/canonical-json';
import type { LedgerEvent } from '#domain/events';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { RatedInvoice } from '#domain/invoices/rate-invoice';
import type { Quarantined } from '#domain/lines/rate';
import { text } from '#domain/money/decimal';
import { plusDays } from '#domain/time/calendar';
import type { Instant } from '#domain/time/instant';
import { packed } from '#domain/usage/usage';
import { sha256 } from '#ledger/command';
import type { SellerRef } from '#ledger/kept-seller';
import type { LedgerCore } from '#ledger/ledger-core';
import { rootText } from '#transparency/kept-tree';
import type { TenantAccount } from './accounts.js';

/** Lines that could not be billed. The answer names them, since leaving them out silently would bill them at 0. */
export const quarantinedIn = ({ quarantined }: RatedInvoice): { quarantined?: Quarantined[] } =>
  quarantined.length === 0 ? {} : { quarantined: [...quarantined] };

/** A draft that comes to nothing takes no number. Its parts are open again. */
export const voided = (
  invoiceId: string,
  { tenantId, currency }: TenantAccount,
  at: Instant,
  reason: string,
): LedgerEvent => ({
  type: 'InvoiceVoided',
  data: { invoiceId, tenantId, currency, at, reason },
});

/**
 * The root of the log's tree at the position that the invoice is computed from. In the event itself, so that the log
 * can't be changed to fit later.
 */
export async function treeAt({ tree }: LedgerCore, size: number): Promise<{ tree?: { size: number; root: string } }> {
  return tree === null ? {} : { tree: { size, root: rootText(await tree.rootAt(size)) } };
}

/** What an invoice is issued with. */
interface Issuing {
  readonly invoiceId: string;
  readonly account: TenantAccount;
  /** Whom the invoice is addressed to. null: the tenant itself. */
  readonly payer: TenantAccount | null;
  readonly issuedAt: Instant;
  readonly computedAt: number;
  readonly seller: SellerRef;
  readonly tree: { readonly tree?: { readonly size: number; readonly root: string } };
}

export function issuedEvents(
  invoice: RatedInvoice,
  { invoiceId, account, payer, issuedAt, computedAt, seller, tree }: Issuing,
): LedgerEvent[] {
  const { tenantId, currency, timeZone, detailsRef, detailsHash } = account;
  const days = payer?.paymentTermsDays ?? account.paymentTermsDays;
  const attempt = randomUUID();
  const chunks: FrozenRow[][] = packed(invoice.rows);
  return [
    ...chunks.map((rows, n): LedgerEvent => ({ type: 'InvoiceRowsFrozen', data: { invoiceId, attempt, n, rows } })),
    {
      type: 'InvoiceIssued',
      data: {
        invoiceId,
        tenantId,
        currency,
        issuedAt,
        ...(days === null ? {} : { dueAt: plusDays(issuedAt, days, timeZone) }),
        computedAt,
        attempt,
        chunks: chunks.length,
        rowsHash: sha256(canonicalJson(invoice.rows)),
        subtotal: text(invoice.subtotal),
        tax: text(invoice.tax),
        total: text(invoice.total),
        detailsRef,
        detailsHash,
        ...(payer === null ? {} : { payer: addresseeOf(payer) }),
        ...seller,
        ...quarantinedIn(invoice),
        ...tree,
      },
    },
  ];
}

const addresseeOf = ({ tenantId, detailsRef, detailsHash }: TenantAccount) => ({ tenantId, detailsRef, detailsHash });
