import { z } from 'zod';
import { zAny, zEvent, zMoney, zPosition, zQuantity, zRow, zSpan, zReference, zTimestamp } from './answers.js';

/** What an id is explained as, by what it names. */

const zIssuedRow = z
  .object({
    ...zRow.shape,
    lineId: z.string(),
    partId: z.string(),
    subscriptionId: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    chargePeriod: zSpan,
    planId: z.string(),
    planEffectiveFrom: zTimestamp,
  })
  .meta({ id: 'IssuedRow' });

const zFileRow = z
  .object({ file: z.string(), sha256: z.string().nullable(), row: z.int() })
  .meta({ id: 'FileRow', description: 'The row of the file that it was read from' });

const zUsed = z
  .object({ since: zTimestamp, until: zTimestamp, quantity: zQuantity, readings: z.int() })
  .meta({ id: 'ReadingsCounted' });

const zRelatedRow = z
  .object({
    rowId: z.string(),
    number: z.string().nullable(),
    kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']),
  })
  .meta({ id: 'RelatedRow' });

const zExplainedRow = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable(),
    computedAt: zPosition.describe('In the log: what is recorded later was not known'),
    row: zIssuedRow,
    arithmetic: z.string().describe('As one would write it down: (3600 − 1488) × 0.01 = 21.12'),
    tax: z.string().describe('The same of its tax: 19 % of 21.12 = 4.0128, booked 4.01'),
    price: z
      .object({
        planId: z.string(),
        effectiveFrom: zTimestamp,
        terms: zAny.nullable().describe('The price and what goes with it, as the plan has them'),
      })
      .meta({ id: 'ExplainedPrice' }),
    rates: z.array(
      z
        .object({
          resourceType: z.string(),
          resourceFamily: z.string(),
          location: z.string(),
          effectiveFrom: zTimestamp,
          unitPrice: zMoney,
          event: zReference.nullable().describe('That set it'),
        })
        .meta({ id: 'ExplainedRate' }),
    ),
    usage: zUsed,
    corrects: z.array(zRelatedRow).describe('Rows of earlier invoices that it takes back, or books as they should be'),
    correctedBy: z.array(zRelatedRow).describe('Rows of later invoices and credit notes'),
    because: z.array(zReference).describe('Of a correction: what was recorded since the corrected rows were computed'),
    events: z.array(zReference),
  })
  .meta({ id: 'ExplainedRow' });

const zUsedIn = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable(),
    tenantId: z.string(),
    rows: z.array(
      z
        .object({
          rowId: z.string(),
          lineId: z.string(),
          billingKind: z.string(),
          ref: z.string(),
          kind: z.enum(['charge', 'reversal', 'rebooked', 'credit_note']),
          chargePeriod: zSpan,
          net: zMoney,
        })
        .meta({ id: 'UsedInRow' }),
    ),
    net: zMoney,
  })
  .meta({ id: 'UsedIn', description: 'An invoice that it ended up in, and in which of its rows' });

const zVersion = z
  .object({
    deploymentId: z.string(),
    billingKind: z.string(),
    resourceId: z.string(),
    period: zSpan,
    quantity: zQuantity,
    granularity: z.enum(['hour', 'day', 'event']),
    provider: z.string().nullable(),
    sourceId: z.string().nullable(),
    origin: z.enum(['command', 'metering', 'backfill']),
    isInForce: z.boolean(),
    file: zFileRow.nullable().describe('Where it was read'),
    event: zReference.nullable().describe('That gave it this quantity'),
    until: zReference.nullable().describe('The event that took it back'),
    metered: z.array(zReference).describe('Of what was metered: the sightings and corrections of its resource'),
  })
  .meta({ id: 'UsageVersion' });

const zPart = z
  .object({ partId: z.string(), period: zSpan, quantity: zQuantity, rows: z.array(zRow) })
  .meta({ id: 'ExplainedPart' });
const zRevenue = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable(),
    cause: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    amount: zMoney,
    event: zReference.nullable(),
  })
  .meta({ id: 'ExplainedRevenue' });
const zCost = z
  .object({
    costLine: z.string(),
    kind: z.string(),
    tenantId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    amount: zMoney,
    file: zFileRow.nullable(),
    event: zReference.nullable(),
  })
  .meta({ id: 'ExplainedCost', description: 'A provider’s line, as far as it is in the month and the tenant’s' });

const openLine = {
  lineId: z.string(),
  tenantId: z.string(),
  billingKind: z.string(),
  period: zSpan,
  quarantine: z.string().nullable().describe('Why it can’t be rated'),
  parts: z.array(zPart),
  usage: z.object({ quantity: zQuantity, readings: z.int() }).meta({ id: 'OpenUsage' }),
  events: z.array(zReference),
};

const zDocument = z
  .object({
    documentId: z.string(),
    number: z.string().nullable(),
    status: z.enum(['draft', 'issued', 'paid', 'void']),
    tenantId: z.string(),
    currency: z.string(),
    credits: z.string().nullable().describe('The number of the invoice that a credit note is of'),
    arithmetic: z.string().describe('Its rows, tax, and total: 58.74 + 11.16 = 69.90'),
    reason: z.string().nullable(),
    events: z.array(zReference).describe('Its own, from the draft to what became of it'),
  })
  .meta({ id: 'ExplainedDocument', description: 'An invoice or a credit note as a whole' });

const onDocuments = {
  documents: z.array(zDocument),
  rows: z
    .array(zExplainedRow)
    .describe('Of an invoice, credit note, line, part or row; of a draft, those that it comes to now'),
  open: z
    .object({ is: z.literal('open line'), ...openLine })
    .meta({ id: 'ExplainedOpenLine' })
    .nullable()
    .describe('What of the line is not billed yet; null: nothing, or the id names no line'),
};

export const zExplained = z
  .discriminatedUnion('is', [
    z.object({ id: z.string(), is: z.literal('issued'), ...onDocuments }),
    z.object({ id: z.string(), is: z.literal('draft'), ...onDocuments }),
    z.object({ id: z.string(), is: z.literal('open line'), ...openLine }),
    z.object({ id: z.string(), is: z.literal('usage record'), versions: z.array(zVersion), usedIn: z.array(zUsedIn) }),
    z.object({
      id: z.string(),
      is: z.literal('margin'),
      month: z.string(),
      currency: z.string(),
      tenantId: z.string().nullable().describe('null: of all'),
      arithmetic: z.string(),
      revenue: z.array(zRevenue),
      costs: z.array(zCost),
    }),
    z.object({
      id: z.string(),
      is: z.literal('event'),
      event: zEvent,
      usedIn: z.array(zUsedIn).nullable().describe('null: what it says is on no invoice'),
      margin: z
        .array(z.string())
        .describe('Of a cost: the months of the margin that it is in, to be explained in turn'),
    }),
  ])
  .meta({ id: 'Explained', description: '`is` says what the id names, and so which fields there are' });
