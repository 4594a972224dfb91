import { z } from 'zod';
import { instant } from '#domain/time/instant';
import { monthOf, type Period } from '#domain/time/period';

/** The UTC month of a date: `2026-04-15` and `2026-04` both mean April. */
export const zMonth = z.string().transform((value, context): Period => {
  const date = /^\d{4}-\d{2}$/.test(value) ? `${value}-01` : value;
  try {
    return monthOf(instant(/^\d{4}-\d{2}-\d{2}$/.test(date) ? `${date}T00:00:00Z` : date));
  } catch {
    context.addIssue({ code: 'custom', message: 'is not a month or date such as "2026-04" or "2026-04-15"' });
    return z.NEVER;
  }
});
