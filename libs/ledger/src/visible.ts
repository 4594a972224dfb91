import type { QueryContext } from './query.js';

/**
 * Whether a caller may see an invoice, and its credit notes: its only tenant (null: any) is billed, or the invoice is
 * addressed to it.
 */
export const isVisible = (
  { tenant_id: tenantId, payer_id: payerId }: { readonly tenant_id: string; readonly payer_id: string | null },
  confinedTo: QueryContext['confinedTo'],
): boolean => confinedTo === null || tenantId === confinedTo || payerId === confinedTo;
