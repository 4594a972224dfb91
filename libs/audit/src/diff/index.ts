import { invalid } from '#domain/errors';
import { ADMIN, type QueryContext } from '#ledger/query';
import {
  type InvoiceDifference,
  invoiceDifferences,
  type LineDifference,
  lineDifferences,
  type MarginDifference,
  marginDifferences,
} from './books.js';
import {
  prunedUsageOf,
  type RateDifference,
  rateDifferences,
  type UsageDifference,
  usageDifferences,
} from './catalog.js';

export interface Differences {
  /** Log positions: what was known at `from` is compared with what was known at `to`. */
  readonly from: number;
  readonly to: number;
  readonly rates: readonly RateDifference[];
  readonly usage: readonly UsageDifference[];
  readonly lines: readonly LineDifference[];
  readonly invoices: readonly InvoiceDifference[];
  /** null: the role may not see the margin. */
  readonly margin: readonly MarginDifference[] | null;
}

/** What is known at one position, compared with what was known at an earlier one. Errors: `invalid_span`. */
export async function differences(context: QueryContext, from: number, to: number): Promise<Differences> {
  if (from > to)
    throw invalid('invalid_span', `from, position ${from}, is after to, position ${to}`, [
      { field: 'from', message: 'is after to' },
    ]);
  const span = { context, from, to };
  const pruned = await prunedUsageOf(span);
  return {
    from,
    to,
    rates: await rateDifferences(span),
    usage: await usageDifferences(span, pruned),
    lines: await lineDifferences(span, pruned),
    invoices: await invoiceDifferences(span),
    margin: ADMIN.includes(context.caller.role) ? await marginDifferences(span, pruned) : null,
  };
}
