import { z } from 'zod';
import { zAny, zAt, zMoney, zOpenSpan, zPosition, zQuantity, zQuarantine, zRow, zSpan } from './common.js';

const lineFields = {
  lineId: z.string(),
  parentLineId: z.string().nullable().describe('Of a part: the line that was cut'),
  status: z.enum(['valid', 'split']),
  invoiceId: z.string().nullable(),
  tenantId: z.string(),
  subscriptionId: z.string(),
  deploymentId: z.string(),
  billingKind: z.string(),
  currency: z.string(),
  period: zSpan,
  quantity: zQuantity,
  rows: z.array(zRow),
  net: zMoney,
  quarantine: zQuarantine.nullable(),
};

export const zLine = z.object(lineFields).meta({ id: 'Line' });
export const zLineWithParts = z
  .object({
    ...lineFields,
    parts: z.array(zLine).optional().describe('Of a line that was cut'),
    partsNet: zMoney.optional().describe('What its parts come to'),
  })
  .meta({ id: 'LineWithParts' });

const zInvoiceLine = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable(),
    parentPeriod: zSpan.nullable().describe('The whole charge period of the line that was cut; null where none was'),
    subscriptionId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    billingKind: z.string(),
    period: zSpan,
    quantity: zQuantity,
    included: zQuantity.nullable().describe('Of the whole charge period, in units of the conversion'),
    unitConversion: zAny.nullable(),
    rows: z.array(zRow),
    net: zMoney,
    tax: zMoney,
    correction: z.boolean().describe('It corrects what an earlier invoice billed'),
  })
  .meta({ id: 'InvoiceLine' });

const zUnrated = z
  .object({ lineId: z.string(), code: z.string(), message: z.string() })
  .meta({ id: 'QuarantinedLine' });

const invoiceFields = {
  tenantId: z.string(),
  currency: z.string(),
  asOf: zAt,
  lines: z.array(zInvoiceLine),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
  taxes: z
    .array(
      z
        .object({ name: z.string().nullable(), ratePercent: zQuantity, net: zMoney, tax: zMoney })
        .meta({ id: 'InvoiceTax' }),
    )
    .describe('By name and rate'),
  quarantined: z.array(zUnrated).describe('Lines that could not be rated: they stay open'),
};

export const zInvoice = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable().describe('Gapless; from issuing on'),
    status: z.enum(['draft', 'issued', 'paid', 'void']),
    ...invoiceFields,
    selection: zAny.nullable().describe('Of an invoice of some lines only: which'),
    issuedAt: zAt.nullable(),
    paidAt: zAt.nullable(),
    voidedAt: zAt.nullable(),
    computedAt: zPosition.nullable().describe('The log position that it was frozen from'),
    creditTaken: zMoney.describe('What it takes of the tenant’s credit: invoices below zero'),
    amountDue: zMoney.describe('total − creditTaken, never below 0'),
    creditNotes: z.array(
      z
        .object({ creditNoteId: z.string(), number: z.string(), issuedAt: zAt, reason: z.string(), total: zMoney })
        .meta({ id: 'CreditNoteReference' }),
    ),
  })
  .meta({ id: 'Invoice' });

export const zInvoicePreview = z
  .object({ invoiceId: z.null(), number: z.null(), status: z.literal('preview'), ...invoiceFields })
  .meta({ id: 'InvoicePreview' });

export const zCredit = z
  .object({
    creditId: z.string(),
    tenantId: z.string(),
    currency: z.string(),
    kind: z.enum(['coupon', 'credit']),
    amount: zMoney.optional(),
    left: zMoney.optional(),
    percent: zQuantity.optional(),
    billingKinds: z.array(z.string()).nullable().optional().describe('null: of all'),
    taken: zMoney,
    period: zOpenSpan,
    reason: z.string().nullable(),
  })
  .meta({ id: 'Credit' });

const creditNoteFields = {
  creditNoteId: z.string(),
  number: z.string().describe('Gapless, in a series of its own'),
  invoiceId: z.string(),
  tenantId: z.string(),
  currency: z.string(),
  issuedAt: zAt,
  reason: z.string(),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
};
const zCreditNoteRow = z
  .object({ lineId: z.string(), deploymentId: z.string(), billingKind: z.string(), period: zSpan, ...zRow.shape })
  .meta({ id: 'CreditNoteRow' });

export const zCreditNote = z.object(creditNoteFields).meta({ id: 'CreditNote' });
export const zCreditNoteWithRows = z
  .object({ ...creditNoteFields, rows: z.array(zCreditNoteRow) })
  .meta({ id: 'CreditNoteWithRows' });
