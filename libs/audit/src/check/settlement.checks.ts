import type { RecordedEvent } from '#domain/events';
import type { InvoiceEvent } from '#domain/invoices/invoice';
import { foldAccount } from '#domain/invoices/settlement';
import { decimal, text } from '#domain/money/decimal';
import { ofType } from '#event-store/codec';
import type { QueryContext } from '#ledger/query';
import { ifReadable } from '#read-model/readable';
import { readAllTenantCredits, readSettledInvoices } from '#projections/invoices/issued-invoices.read';
import { type Check, type Finding, REBUILD } from './finding.js';
import { keyOfAccount, keyOfAccountRow } from '#projections/invoices/invoices.read';

const SETTLING = [
  'InvoiceIssued',
  'InvoiceVoided',
  'InvoicePaid',
  'InvoicePaymentWithdrawn',
  'CreditNoteIssued',
] as const;

/** The amount due of each invoice and each tenant's credit are as the log has them. */
const settlements: Check = async (context) => {
  const accounts = await settlingEvents(context);
  const { core, position } = context;
  const credits = await readAllTenantCredits(core.db, position);
  const invoices = await readSettledInvoices(core.db, position);
  const shown = new Map(invoices.map((row) => [row.invoice_id, row]));
  const creditOf = new Map(credits.map((row) => [keyOfAccountRow(row), row.credit]));
  return [...accounts].flatMap(([key, { tenantId, currency, events }]): Finding[] => {
    const account = foldAccount(events);
    const credit = decimal(creditOf.get(key) ?? '0');
    const wrongCredit = credit.eq(account.credit)
      ? []
      : [
          differs(
            `tenant ${tenantId} has ${text(account.credit)} ${currency} in credit, but ${text(credit)} is shown`,
            {
              tenantId,
              currency,
            },
          ),
        ];
    const wrongInvoices = [...account.settlements].flatMap(([invoiceId, { creditTaken, amountDue }]) => {
      const row = shown.get(invoiceId);
      if (
        row !== undefined &&
        decimal(row.credit_taken ?? '0').eq(creditTaken) &&
        decimal(row.amount_due ?? '0').eq(amountDue)
      )
        return [];
      return [
        differs(
          `${text(amountDue)} ${currency} of invoice ${invoiceId} are due after ${text(creditTaken)} of credit,` +
            ` but ${row?.amount_due ?? 'nothing'} is shown`,
          { tenantId, invoiceId, currency },
        ),
      ];
    });
    return [...wrongCredit, ...wrongInvoices];
  });
};

const differs = (message: string, ids: Finding['ids']): Finding => ({
  code: 'settlement_differs',
  message,
  ids,
  remedy: REBUILD,
});

interface SettledAccount {
  readonly tenantId: string;
  readonly currency: string;
  readonly events: Extract<RecordedEvent, InvoiceEvent>[];
}

async function settlingEvents({ core, position }: QueryContext): Promise<Map<string, SettledAccount>> {
  const accounts = new Map<string, SettledAccount>();
  for await (const stored of core.log.readAll(0, { types: SETTLING })) {
    if (stored.position > position) break;
    const readable = ifReadable(stored);
    if (readable === undefined) continue;
    const event = ofType(readable, ...SETTLING);
    const { tenantId, currency } = event.data;
    const key = keyOfAccount({ tenantId, currency });
    const own = accounts.get(key);
    if (own === undefined) accounts.set(key, { tenantId, currency, events: [event] });
    else own.events.push(event);
  }
  return accounts;
}

export const SETTLEMENTS: readonly Check[] = [settlements];
