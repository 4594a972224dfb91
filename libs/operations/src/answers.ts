import { z } from 'zod';

/**
 * Building blocks of several answers. `id` names a type in the OpenAPI document, in GraphQL and in the typed client.
 * `format` names a kind of text or number.
 */

export const zMoney = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .meta({ format: 'decimal', description: 'A decimal, at the scale of the currency' });
export const zQuantity = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .meta({ format: 'decimal', description: 'A decimal' });
export const zTimestamp = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
/** A position can be larger than 32 bits. */
export const zPosition = z.int().meta({ format: 'int64', description: 'A log position' });
/** JSON of any shape. The compiler does not check it. */
export const zAny: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown()).describe('As it came');

export const zSpan = z.object({ start: zTimestamp, end: zTimestamp }).meta({ id: 'Period', description: 'Half-open' });
export const zOpenSpan = z
  .object({ start: zTimestamp, end: zTimestamp.nullable() })
  .meta({ id: 'OpenPeriod', description: 'Half-open. end null: no end yet' });

export const zNextCursor = z.string().nullable().describe('Opaque. null: this is the last page');

/** A page of a list. Its type is named after its items. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: zNextCursor }).meta({ id: `${nameOf(item)}Page` });

function nameOf(item: z.ZodType): string {
  const id = z.globalRegistry.get(item)?.id;
  if (id === undefined) throw new Error('the items of a list need a named type. Give their schema an id.');
  return id;
}

/** Which usage of its kind a line bills. */
export const zFilter = zAny.nullable().describe('The attributes that select its usage. null: all usage of the kind');

/** A document as HTML. */
export const zHtml = z.string().describe('One HTML file without scripts and external resources, for A4 paper');

export const zQuarantine = z
  .object({ code: z.string(), message: z.string() })
  .meta({ id: 'Quarantine', description: 'Why a line can’t be rated. The other lines are rated' });

/** What is taxed at one rate, of an invoice or of several. */
export const zInvoiceTax = z
  .object({ name: z.string().nullable(), ratePercent: zQuantity, net: zMoney, tax: zMoney })
  .meta({ id: 'InvoiceTax' });

/** A price in force, and what changed it. */
export const rowPrice = {
  planId: z.string(),
  rateKey: z.string().nullable().describe('The key of the rate. null: the price is in the plan'),
  amount: zMoney.describe('The whole amount of a fee or a minimum commitment; else the unit amount'),
  effectiveFrom: zTimestamp,
  setBy: z
    .object({ position: zPosition, recordedAt: zTimestamp, reason: z.string().nullable() })
    .meta({ id: 'PriceChange' })
    .nullable()
    .describe('The change of the price since the row that it corrects. null: the price is the same'),
};
const zRowPrice = z.object(rowPrice).meta({ id: 'RowPrice' });

/** A rated row. A row of an invoice also has its id, kind, tax, and the rows that it corrects. */
export const zRow = z
  .object({
    ref: z.string(),
    quantity: zQuantity,
    unitAmount: zMoney,
    unit: z.string().optional().describe('What the unit amount is for, if its rate says so'),
    arithmetic: z
      .string()
      .optional()
      .describe(
        'On an invoice, how the gross of a prorated fee or a minimum commitment was computed:' +
          ' 30.00 × 2,361,600 s ÷ 2,592,000 s − 0.00 booked = 27.33',
      ),
    gross: zMoney,
    discount: zMoney,
    credit: zMoney,
    net: zMoney,
    rowId: z.string().optional(),
    kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']).optional(),
    chargePeriod: zSpan.optional().describe('What the charge is for: a part of the period of its line'),
    credits: z
      .array(z.object({ creditId: z.string(), amount: zMoney }).meta({ id: 'CreditTaken' }))
      .optional()
      .describe('The credits and coupons that `credit` was taken from'),
    taxRatePercent: zQuantity.optional(),
    tax: zMoney.optional(),
    corrects: z.array(z.string()).optional().describe('The ids of the rows that it corrects'),
    correctsInvoices: z.array(z.string()).optional().describe('The numbers of the invoices that it corrects'),
    price: zRowPrice.optional().describe('On an invoice: the price of a rebooked row'),
    reason: z.string().optional(),
  })
  .meta({ id: 'Row', description: 'gross − discount − credit = net' });

/** The period in which a price or the terms of a plan are in force. */
export const inForce = {
  effectiveFrom: zTimestamp,
  effectiveUntil: zTimestamp.nullable(),
  period: zOpenSpan,
};

const reference = {
  position: zPosition,
  stream: z.string(),
  revision: zPosition,
  eventId: z.string(),
  type: z.string(),
  recordedAt: zTimestamp,
  actor: z.string(),
  occurredAt: zTimestamp.nullable(),
  command: z.string().nullable().describe('The command that recorded it'),
  idempotencyKey: z.string().nullable(),
  reason: z.string().nullable(),
  source: z
    .object({
      file: z.string(),
      sha256: z.string().optional(),
      rows: z.string().describe('Row numbers such as `4-9,12`, in the order of the items of the event'),
    })
    .meta({ id: 'EventSource' })
    .nullable()
    .describe('The file that the data was read from'),
};

/** An event as evidence: its place in the log, when and by whom it was recorded, and why. */
export const zReference = z.object(reference).meta({ id: 'EventReference' });

export const zEvent = z
  .object({
    ...reference,
    correlationId: z
      .string()
      .nullable()
      .describe('The id in the log of the API: of the request, or the one that the request was sent with'),
    requestId: z.string().nullable().describe('null: same as the correlation id, or recorded without a request'),
    data: zAny.nullable().describe('null: this role may not see it'),
  })
  .meta({ id: 'Event' });

/** The faulty fields of a request. */
export const zFieldErrors = z
  .array(z.object({ field: z.string(), message: z.string() }).meta({ id: 'FieldError' }))
  .describe('The faulty fields, by JSON path');

const zRefusal = z
  .object({ code: z.string(), kind: z.string(), message: z.string(), errors: zFieldErrors.optional() })
  .meta({ id: 'Refusal' });

/** The outcome of a command. */
export const zOutcome = z
  .object({
    index: z.int().optional().describe('Place in the posted array'),
    command: z.string(),
    status: z
      .enum(['done', 'unchanged', 'proposed', 'refused'])
      .describe('proposed: nothing is carried out until another person approves the proposal'),
    dates: z
      .array(
        z
          .object({ field: z.string(), date: z.string(), timeZone: z.string(), instant: zTimestamp })
          .meta({ id: 'DateRead' }),
      )
      .optional()
      .describe('Dates that were given in place of instants: each is midnight in the time zone of the tenant'),
    result: zAny.optional(),
    position: zPosition.optional().describe('Log position of its last event'),
    error: zRefusal.optional(),
  })
  .meta({ id: 'CommandOutcome' });
