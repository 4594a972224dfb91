import { z } from 'zod';
import { zMoney, zPosition, zQuantity, zSpan, zReference, zTimestamp } from './answers.js';

/** What changed between two log positions. */

const because = {
  events: z.array(zReference).describe('The events that explain the change: the first 50'),
  eventCount: z.int().describe('The number of all events that explain the change'),
};
const zThenRate = z
  .object({
    unitPrice: zMoney,
    currency: z.string(),
    unit: z.string().nullable(),
    basis: z.enum(['duration', 'amount']),
    effectiveUntil: zTimestamp.nullable(),
  })
  .meta({ id: 'RateThen' });
const zThenInvoice = z
  .object({ status: z.string(), total: zMoney.nullable(), amountDue: zMoney.nullable() })
  .meta({ id: 'InvoiceThen' });
const zThenMargin = z
  .object({ revenue: zMoney, cogs: zMoney, sharedCogs: zMoney, margin: zMoney })
  .meta({ id: 'MarginThen' });

const zRateDifference = z
  .object({
    resourceType: z.string(),
    resourceFamily: z.string(),
    location: z.string(),
    effectiveFrom: zTimestamp,
    before: zThenRate.nullable(),
    after: zThenRate.nullable(),
    ...because,
  })
  .meta({ id: 'RateDifference' });
const zUsageDifference = z
  .object({
    deploymentId: z.string(),
    billingKind: z.string(),
    month: z.string(),
    before: zQuantity,
    after: zQuantity,
    readings: z.int().describe('How many readings were added, removed or changed'),
    ...because,
  })
  .meta({ id: 'UsageDifference' });
const zLineDifference = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable(),
    tenantId: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    currency: z.string(),
    period: zSpan,
    before: zMoney.nullable().describe('null: it did not exist'),
    after: zMoney.nullable().describe('null: it no longer exists'),
    difference: zMoney,
    ...because,
  })
  .meta({ id: 'LineDifference' });
const zInvoiceDifference = z
  .object({
    invoiceId: z.string(),
    number: z.string().nullable(),
    tenantId: z.string(),
    currency: z.string(),
    before: zThenInvoice.nullable(),
    after: zThenInvoice.nullable(),
    ...because,
  })
  .meta({ id: 'InvoiceDifference' });
const zMarginDifference = z
  .object({
    month: z.string(),
    currency: z.string(),
    tenantId: z.string().nullable().describe('null: overall'),
    before: zThenMargin,
    after: zThenMargin,
    ...because,
  })
  .meta({ id: 'MarginDifference' });

export const zDifferences = z
  .object({
    from: zPosition,
    to: zPosition,
    rates: z.array(zRateDifference),
    usage: z.array(zUsageDifference),
    lines: z.array(zLineDifference),
    invoices: z.array(zInvoiceDifference),
    margin: z.array(zMarginDifference).nullable().describe('null: this role may not see it'),
  })
  .meta({ id: 'Differences' });
