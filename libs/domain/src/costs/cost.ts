import { z } from 'zod';
import { type IdSchema, zCurrency, zDecimal, zId, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import type { Period } from '../time/period.js';
import { zFocusDetails } from './focus.js';

/** A provider's invoice: what it charged us (COGS). */
export const costStream = (provider: string, invoiceRef: string): string => streamName('cost', [provider, invoiceRef]);

export const COST_CATEGORIES = ['usage', 'purchase', 'tax', 'credit', 'adjustment'] as const;

const costLineWith = (zId: IdSchema) =>
  z.object({
    lineKey: zId,
    resourceId: zId.optional(),
    kind: zId,
    chargePeriod: zPeriod,
    /** The billed amount. */
    amount: zDecimal,
    currency: zCurrency,
    category: z.enum(COST_CATEGORIES),
    class: z.literal('correction').nullable().optional(),
    tenantId: zId.optional(),
    /** The amortised amount. It is shown with the billed amount and never added to it. */
    effectiveAmount: zDecimal.optional(),
    description: zText.optional(),
    /** Absent: the line was not imported from a provider's bill, or before its details were kept. */
    focus: zFocusDetails.optional(),
  });

const FIRST_CHARGE = '1990-01-01T00:00:00Z';
const LAST_CHARGE = '2101-01-01T00:00:00Z';

/** Another date is a mistake. Without bounds, reports over all months would have thousands of them. */
export const isChargePeriod = ({ start, end }: Period): boolean => start >= FIRST_CHARGE && end <= LAST_CHARGE;
export const NO_CHARGE_PERIOD = 'must be between the years 1990 and 2100. Correct the date.';

/** A line that is recorded now. */
export const zCostLine = costLineWith(zId).extend({ chargePeriod: zPeriod.refine(isChargePeriod, NO_CHARGE_PERIOD) });

/**
 * How the files of an import stand to what is recorded of their delivery: they are all of it, a further part of it, or
 * some of its lines. Only `whole` withdraws lines.
 */
export const DELIVERY_MODES = ['whole', 'part', 'partial'] as const;
export type DeliveryMode = (typeof DELIVERY_MODES)[number];

/** What a provider says of a payer account and a billing month at once, in one or many files. */
const deliveryWith = (zId: IdSchema) =>
  z.object({
    provider: zId,
    /** The account and the month, as the lines' bills begin. */
    delivery: zId,
    /** The name that the importing user gave it. */
    name: zId.optional(),
  });

// Stored permanently. CostCorrected states the lines as they should be, also one that was withdrawn.
export const costEventsWith = (zId: IdSchema) => ({
  CostRecorded: z.object({ provider: zId, invoiceRef: zId, lines: z.array(costLineWith(zId)).min(1) }),
  CostCorrected: z.object({ provider: zId, invoiceRef: zId, lines: z.array(costLineWith(zId)).min(1), reason: zText }),
  /** The line never was. */
  CostWithdrawn: z.object({ provider: zId, invoiceRef: zId, lineKey: zId, reason: zText }),
  /** Its lines follow. An import that is interrupted is continued from here. */
  CostDeliveryStarted: deliveryWith(zId).extend({
    mode: z.enum(DELIVERY_MODES),
    files: z
      .array(
        z.object({
          name: zText,
          sha256: zText,
          /** How it was read: a hash of the mapping. */
          mapping: zText,
          /** How many of its rows were rejected. */
          rejected: z.number().int(),
        }),
      )
      .min(1),
  }),
  CostDeliveryCompleted: deliveryWith(zId),
});

export type CostLine = z.infer<typeof zCostLine>;
