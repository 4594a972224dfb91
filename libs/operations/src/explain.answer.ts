import { z } from 'zod';
import { zShared } from './margin.js';
import {
  rowPrice,
  zAny,
  zEvent,
  zFilter,
  zMoney,
  zPosition,
  zQuantity,
  zRow,
  zSpan,
  zReference,
  zTimestamp,
} from './answers.js';

/** The explanation of an id, by the kind of thing that it names. */

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
  .meta({ id: 'FileRow', description: 'The file row that the data was read from' });

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
    computedAt: zPosition.describe('A log position: later events were not known'),
    filter: zFilter,
    row: zIssuedRow,
    arithmetic: z.string().describe('The calculation: (3600 − 1488) × 0.01 = 21.12'),
    tax: z.string().describe('The calculation of the tax: 19 % of 21.12 = 4.0128, booked 4.01'),
    price: z
      .object({
        ...rowPrice,
        terms: zAny.nullable().describe('The item of the plan with its price'),
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
          event: zReference.nullable().describe('The event that set the rate'),
        })
        .meta({ id: 'ExplainedRate' }),
    ),
    usage: zUsed,
    pool: z
      .object({
        ...{ included: zQuantity, used: zQuantity, unused: zQuantity, excess: zQuantity },
        share: zQuantity.describe('What this line gets of the unused units'),
        members: z
          .array(
            z
              .object({
                ...{ tenantId: z.string(), subscriptionId: z.string(), lineId: z.string() },
                ...{ included: zQuantity, used: zQuantity, share: zQuantity },
              })
              .meta({ id: 'PoolMember' }),
          )
          .describe('Its lines. To a tenant: its own'),
      })
      .meta({ id: 'Pool', description: 'Included units that the subscriptions of one payer share, in converted units' })
      .nullable()
      .describe('Of a share of a pool: how the included units were shared out'),
    counted: z
      .array(
        z
          .object({ lineId: z.string(), billingKind: z.string(), period: zSpan, net: zMoney })
          .meta({ id: 'CountedLine' }),
      )
      .describe('Of a true-up to a commitment: the lines whose charges draw it down, before coupons and credits'),
    corrects: z.array(zRelatedRow).describe('Rows of earlier invoices that it reverses or rebooks'),
    correctedBy: z.array(zRelatedRow).describe('Rows of later invoices and credit notes that correct it'),
    because: z.array(zReference).describe('For a correction: events recorded since the corrected rows were computed'),
    becauseCount: z.int(),
    events: z.array(zReference),
    eventCount: z.int().describe('The number of all events, also with first'),
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
    rowCount: z.int().describe('The number of all rows that use it'),
    net: zMoney,
  })
  .meta({ id: 'UsedIn', description: 'An invoice that uses it, and the rows that do' });

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
    file: zFileRow.nullable().describe('Where it was read from'),
    event: zReference.nullable().describe('The event that set this quantity'),
    until: zReference.nullable().describe('The event that replaced or withdrew it'),
    metered: z.array(zReference).describe('For a metered record: the observations and corrections of its resource'),
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
    sharedBy: z.string().nullable().describe('The policy that shares it among tenants. null: none does'),
    remainderOf: z
      .string()
      .nullable()
      .describe('The policy of whose pool nobody used it: it is idle (remainder). null: none'),
    file: zFileRow.nullable(),
    event: zReference.nullable(),
  })
  .meta({ id: 'ExplainedCost', description: 'The share of a provider line in the month and of the tenant' });

const zExplainedShared = zShared
  .extend({
    arithmetic: z
      .string()
      .nullable()
      .describe(
        'What of a pool is idle, and what all parts of a tenant come to: 300.00 × 30 / 90 = 100.00.' +
          ' null: of several tenants, without a pool',
      ),
    partCount: z.int().describe('The number of all parts'),
    event: zReference.nullable().describe('The event that set the terms of the policy'),
  })
  .meta({ id: 'ExplainedSharedCost', description: 'A policy that shares cost, and the parts of the tenant' });

const openLine = {
  lineId: z.string(),
  tenantId: z.string(),
  billingKind: z.string(),
  period: zSpan,
  quarantine: z.string().nullable().describe('Why it can’t be rated'),
  parts: z.array(zPart),
  usage: z.object({ quantity: zQuantity, readings: z.int() }).meta({ id: 'OpenUsage' }),
  events: z.array(zReference),
  eventCount: z.int(),
};

const zDocument = z
  .object({
    documentId: z.string(),
    number: z.string().nullable(),
    status: z.enum(['draft', 'issued', 'paid', 'void']),
    tenantId: z.string(),
    currency: z.string(),
    credits: z.string().nullable().describe('For a credit note: the number of its invoice'),
    arithmetic: z.string().describe('Subtotal, tax and total: 58.74 + 11.16 = 69.90'),
    reason: z.string().nullable(),
    events: z.array(zReference).describe('The events of the document itself, from draft to final state'),
  })
  .meta({ id: 'ExplainedDocument', description: 'An invoice or a credit note as a whole' });

const onDocuments = {
  documents: z.array(zDocument),
  rows: z
    .array(zExplainedRow)
    .describe('Rows of the invoice, credit note, line, part or row. For a draft: the rows that it would have now'),
  rowCount: z.int().describe('The number of all rows'),
  open: z
    .object({ is: z.literal('open line'), ...openLine })
    .meta({ id: 'ExplainedOpenLine' })
    .nullable()
    .describe('The part of the line that is not billed yet. null: none, or the id is not of a line'),
};

export const zExplained = z
  .discriminatedUnion('is', [
    z.object({ id: z.string(), is: z.literal('issued'), ...onDocuments }),
    z.object({ id: z.string(), is: z.literal('draft'), ...onDocuments }),
    z.object({ id: z.string(), is: z.literal('open line'), ...openLine }),
    z.object({
      id: z.string(),
      is: z.literal('usage record'),
      versions: z.array(zVersion),
      usedIn: z.array(zUsedIn),
      usedInCount: z.int().describe('The number of all invoices that use it'),
    }),
    z.object({
      id: z.string(),
      is: z.literal('margin'),
      month: z.string(),
      currency: z.string(),
      tenantId: z.string().nullable().describe('null: all tenants'),
      arithmetic: z.string().describe('Of the whole margin, whatever is chosen'),
      revenue: z.array(zRevenue),
      revenueCount: z.int(),
      costs: z.array(zCost),
      costCount: z.int(),
      shared: z.array(zExplainedShared),
    }),
    z.object({
      id: z.string(),
      is: z.literal('event'),
      event: zEvent,
      usedIn: z.array(zUsedIn).nullable().describe('null: such events are not on invoices'),
      usedInCount: z.int().describe('The number of all invoices that use it'),
      margin: z.array(z.string()).describe('For a cost: ids of the margins that include it, to explain next'),
    }),
  ])
  .meta({ id: 'Explained', description: '`is` says what the id names. The other fields depend on it' });
