import { z } from 'zod';
import { zAny, zQuantity, zSpan } from './common.js';

const zRateKey = z
  .object({ resourceType: z.string(), resourceFamily: z.string(), location: z.string() })
  .meta({ id: 'RateKey' });
const zOrigin = z.enum(['command', 'metering', 'backfill']);

const zUsageRecord = z
  .object({
    deploymentId: z.string(),
    provider: z.string().nullable(),
    resourceId: z.string(),
    billingKind: z.string(),
    period: zSpan,
    granularity: z.enum(['hour', 'day', 'event']),
    sourceId: z.string().nullable(),
    quantity: zQuantity,
    rateKey: zRateKey.nullable(),
    attributes: zAny.nullable(),
    subAttribution: zAny.nullable(),
    origin: zOrigin.describe('Who observed it'),
    correctedBy: zOrigin.nullable().describe('Who corrected it last'),
  })
  .meta({ id: 'UsageRecord' });

export const zUsageRecords = z
  .object({
    items: z.array(zUsageRecord),
    nextCursor: z.string().nullable().describe('Opaque; null: this is the last page'),
    pruned: z
      .array(z.string())
      .optional()
      .describe(
        'Months of those asked for, such as "2026-04", of which raw records were pruned: these are not among the items, and `usage` still knows the quantities',
      ),
  })
  .meta({ id: 'UsageRecordPage' });

export const zUsage = z.record(z.string(), zQuantity).describe('Quantity by billing kind');

export const zUnbilled = z
  .object({
    deploymentId: z.string(),
    billingKind: z.string(),
    reason: z.enum(['no_subscription', 'no_plan_item']),
    readings: z.int(),
    quantity: zQuantity,
    period: zSpan,
  })
  .meta({ id: 'UnbilledUsage' });

export const zMeteredDay = z
  .object({ date: z.string(), recordCount: z.int(), skipped: z.array(z.looseObject({ reason: z.string() })) })
  .meta({ id: 'MeteredDay' });
