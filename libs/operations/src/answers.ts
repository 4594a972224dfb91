import { z } from 'zod';

/**
 * What several answers are made of. `id` names a type in the OpenAPI document, in GraphQL and in the typed client; `format` names a kind
 * of text or number.
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
/** More than 32 bits: a log only grows. */
export const zPosition = z.int().meta({ format: 'int64', description: 'In the log' });
/** JSON whose shape is not the ledger's to say. The compiler checks nothing of it. */
export const zAny: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown()).describe('As it came');

export const zSpan = z.object({ start: zTimestamp, end: zTimestamp }).meta({ id: 'Period', description: 'Half-open' });
export const zOpenSpan = z
  .object({ start: zTimestamp, end: zTimestamp.nullable() })
  .meta({ id: 'OpenPeriod', description: 'Half-open; end null: it goes on' });

export const zNextCursor = z.string().nullable().describe('Opaque; null: this is the last page');

/** A page of a list, named after its items. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: zNextCursor }).meta({ id: `${nameOf(item)}Page` });

function nameOf(item: z.ZodType): string {
  const id = z.globalRegistry.get(item)?.id;
  if (id === undefined) throw new Error('the items of a list need a named type: give their schema an id');
  return id;
}

/** A document as HTML. */
export const zHtml = z.string().describe('One file: no script, no resource from elsewhere; it prints on A4');

export const zQuarantine = z
  .object({ code: z.string(), message: z.string() })
  .meta({ id: 'Quarantine', description: 'Why a line can’t be rated: all others are' });

/** A rated row. A row that an invoice has frozen also says what it is of, its tax, and what it corrects. */
export const zRow = z
  .object({
    ref: z.string(),
    quantity: zQuantity,
    unitAmount: zMoney,
    gross: zMoney,
    discount: zMoney,
    credit: zMoney,
    net: zMoney,
    rowId: z.string().optional(),
    kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']).optional(),
    credits: z
      .array(z.object({ creditId: z.string(), amount: zMoney }).meta({ id: 'CreditTaken' }))
      .optional()
      .describe('What `credit` was taken from'),
    taxRatePercent: zQuantity.optional(),
    tax: zMoney.optional(),
    corrects: z.array(z.string()).optional().describe('The ids of the rows that it corrects'),
    correctsInvoices: z.array(z.string()).optional().describe('The numbers of the invoices that it corrects'),
    reason: z.string().optional(),
  })
  .meta({ id: 'Row', description: 'gross − discount − credit = net' });

/** From when to when a price or the terms of a plan are in force. */
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
  command: z.string().nullable().describe('The command that it was recorded for'),
  idempotencyKey: z.string().nullable(),
  reason: z.string().nullable(),
  source: z
    .object({
      file: z.string(),
      sha256: z.string().optional(),
      rows: z.string().describe('`4-9,12`: in the order of what the event holds'),
    })
    .meta({ id: 'EventSource' })
    .nullable()
    .describe('The file that it was read from'),
};

/** An event as evidence: where it stands, when it was recorded, by whom, and why. */
export const zReference = z.object(reference).meta({ id: 'EventReference' });

export const zEvent = z
  .object({
    ...reference,
    correlationId: z
      .string()
      .nullable()
      .describe('As in the API’s log: the request’s own, or what it said to be part of'),
    requestId: z.string().nullable().describe('null: the correlation id is the request’s own, or it came by none'),
    data: zAny.nullable().describe('null: not for this role'),
  })
  .meta({ id: 'Event' });

/** The fields that a request is refused for. */
export const zFieldErrors = z
  .array(z.object({ field: z.string(), message: z.string() }).meta({ id: 'FieldError' }))
  .describe('The faulty fields, by JSON path');

const zRefusal = z
  .object({ code: z.string(), kind: z.string(), message: z.string(), errors: zFieldErrors.optional() })
  .meta({ id: 'Refusal' });

/** What became of a command. */
export const zOutcome = z
  .object({
    index: z.int().optional().describe('In the array that was posted'),
    command: z.string(),
    status: z.enum(['done', 'unchanged', 'refused']),
    result: zAny.optional(),
    position: zPosition.optional().describe('In the log, of its last event'),
    error: zRefusal.optional(),
  })
  .meta({ id: 'CommandOutcome' });
