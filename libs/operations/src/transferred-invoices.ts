import pMap from 'p-map';
import { conflict, type DomainError, notFound } from '#domain/errors';
import { unknownConsolidated } from '#domain/invoices/consolidated';
import { documentNumber } from '#domain/invoices/invoice';
import type { StatedTransfer } from '#domain/invoices/transfer-events';
import type { InvoiceOf } from '#domain/invoices/transfers';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  readConsolidatedNamed,
  readUnpaidMembers,
} from '#projections/consolidated-invoices/consolidated-invoices.read';
import { ordinalIn, readInvoiceNamed } from '#projections/invoices/issued-invoices.read';

const AT_ONCE = { concurrency: 8 };

type Of = Pick<StatedTransfer, 'payerId' | 'currency'>;

/**
 * The invoices that are named. The name of a consolidated invoice stands for those of its invoices that have something
 * left to pay, oldest first. Errors: `unknown_invoice`, `currency_mismatch`, those of `invoicesIn`.
 */
export async function invoicesOf(
  core: LedgerCore,
  named: readonly string[],
  { payerId, currency }: Of,
): Promise<InvoiceOf[]> {
  const position = await core.projector.catchUp();
  const found = await pMap(
    named,
    async (name) => {
      const row = await readInvoiceNamed(core.db, position, name);
      if (row === undefined) return invoicesIn(core, position, name, { payerId, currency });
      if (row.currency !== currency) throw otherCurrency(`invoice ${name}`, row.currency, currency);
      return [{ tenantId: row.tenant_id, invoiceId: row.invoice_id }];
    },
    AT_ONCE,
  );
  return found.flat();
}

/**
 * The invoices of a consolidated invoice that have something left to pay. Errors: `unknown_invoice`,
 * `unknown_consolidated_invoice`, `invoice_void`, `addressed_to_another`, `currency_mismatch`.
 */
async function invoicesIn(
  core: LedgerCore,
  position: number,
  name: string,
  { payerId, currency }: Of,
): Promise<InvoiceOf[]> {
  const row = await readConsolidatedNamed(core.db, position, name);
  if (row === undefined) {
    if (ordinalIn('CI', name) === null) throw notFound('unknown_invoice', `there is no invoice ${name}. Name others.`);
    const { code, message } = unknownConsolidated(name);
    throw notFound(code, `${message}. Name another one.`);
  }
  const number = `consolidated invoice ${documentNumber('CI', row.ordinal)}`;
  if (row.voided_at !== null)
    throw conflict('invoice_void', `${number} is void. Name its invoices, or the one that they are part of now.`);
  if (row.payer_id !== payerId)
    throw conflict(
      'addressed_to_another',
      `${number} is addressed to ${row.payer_id}, and the transfer is from ${payerId}. Name invoices that are` +
        ` addressed to ${payerId}.`,
    );
  if (row.currency !== currency) throw otherCurrency(number, row.currency, currency);
  return (await readUnpaidMembers(core.db, position, row.consolidated_invoice_id)).map((member) => ({
    tenantId: member.tenant_id,
    invoiceId: member.invoice_id,
  }));
}

const otherCurrency = (invoice: string, its: string, currency: string): DomainError =>
  conflict(
    'currency_mismatch',
    `${invoice} is in ${its}, and the transfer is in ${currency}. Name invoices in ${currency}.`,
  );
