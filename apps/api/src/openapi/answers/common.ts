import { z } from 'zod';

/** The building blocks of what is answered. `id` names a type: in the OpenAPI document, in GraphQL, and in the client made of these; `format` a kind of text or number. */

export const zMoney = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .meta({ format: 'decimal', description: 'A decimal, at the scale of the currency' });
export const zQuantity = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .meta({ format: 'decimal', description: 'A decimal' });
export const zAt = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
/** Grows for ever: more than 32 bits. */
export const zPosition = z.int().meta({ format: 'int64', description: 'In the log' });
export const zAny = z.record(z.string(), z.unknown()).describe('As it came');

export const zSpan = z.object({ start: zAt, end: zAt }).meta({ id: 'Period', description: 'Half-open' });
export const zOpenSpan = z
  .object({ start: zAt, end: zAt.nullable() })
  .meta({ id: 'OpenPeriod', description: 'Half-open; end null: it goes on' });

export const listOf = (item: z.ZodType): z.ZodType => {
  const id = z.globalRegistry.get(item)?.id;
  if (id === undefined) throw new Error('the items of a list are of a named type');
  return z
    .object({ items: z.array(item), nextCursor: z.string().nullable().describe('Opaque; null: this is the last page') })
    .meta({ id: `${id}Page` });
};

export const zQuarantine = z
  .object({ code: z.string(), message: z.string() })
  .meta({ id: 'Quarantine', description: 'Why a line can’t be rated: all others are' });

const amounts = {
  ref: z.string(),
  quantity: zQuantity,
  unitAmount: zMoney,
  gross: zMoney,
  discount: zMoney,
  credit: zMoney,
  net: zMoney,
};

/** A rated row; one that an invoice has frozen says also what it is of, its tax, and what it corrects. */
export const zRow = z
  .object({
    ...amounts,
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
