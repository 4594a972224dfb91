import { z } from 'zod';
import { type IdSchema, zCurrency, zDecimal, zId, zPeriod, zText } from '../schema.js';
import { streamName } from '../stream-name.js';

/** A provider's invoice: what it charged us (COGS). */
export const costStream = (provider: string, invoiceRef: string): string => streamName('cost', [provider, invoiceRef]);

const COST_CATEGORIES = ['usage', 'purchase', 'tax', 'credit', 'adjustment'] as const;

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
  });
export const zCostLine = costLineWith(zId);

// Stored permanently. CostCorrected states the lines as they should be, also one that was withdrawn.
export const costEventsWith = (zId: IdSchema) => ({
  CostRecorded: z.object({ provider: zId, invoiceRef: zId, lines: z.array(costLineWith(zId)).min(1) }),
  CostCorrected: z.object({ provider: zId, invoiceRef: zId, lines: z.array(costLineWith(zId)).min(1), reason: zText }),
  /** The line never was. */
  CostWithdrawn: z.object({ provider: zId, invoiceRef: zId, lineKey: zId, reason: zText }),
});
export const costEvents = costEventsWith(zId);

export type CostLine = z.infer<typeof zCostLine>;
