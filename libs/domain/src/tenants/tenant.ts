import { z } from 'zod';
import { conflict } from '../errors.js';
import { type IdSchema, zCurrency, zDecimal, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';

/** A tenant: who is billed. One stream has all decisions about it. */
export const tenantStream = (tenantId: string): string => streamName('tenant', [tenantId]);

// Stored permanently. A name is personal data: it is in a table from which it can be erased. The event has a reference
// to it and a salted hash.
export const tenantEventsWith = (zId: IdSchema) => ({
  TenantRegistered: z.object({
    tenantId: zId,
    currency: zCurrency,
    timeZone: z.string(),
    detailsRef: z.uuid(),
    detailsHash: z.string(),
  }),
  TenantTaxSet: z.object({ tenantId: zId, name: zText, ratePercent: zDecimal, from: zInstant }),
  /** For periods that end at or after `from`: how long their last part waits for late usage before it is billed. */
  TenantGracePeriodSet: z.object({ tenantId: zId, hours: z.number().int().nonnegative(), from: zInstant }),
});

/** Whether the platform knows the IANA time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export interface TaxRate {
  readonly name: string;
  readonly ratePercent: string;
  readonly from: Instant;
}

export interface GracePeriod {
  readonly hours: number;
  readonly from: Instant;
}

/** The last of these at or before an instant; null if there is none. */
function lastFrom<Dated extends { readonly from: Instant }>(dated: readonly Dated[], at: Instant): Dated | null {
  let found: Dated | null = null;
  for (const each of dated) {
    if (!isBefore(at, each.from) && (found === null || compareInstants(found.from, each.from) <= 0)) found = each;
  }
  return found;
}

/** The tax in force at an instant; null if the tenant has none yet. */
export const taxAt = (taxes: readonly TaxRate[], at: Instant): TaxRate | null => lastFrom(taxes, at);

/** The grace period in hours of a period that ends at an instant; default 0. */
export const graceHoursAt = (periods: readonly GracePeriod[], end: Instant): number =>
  lastFrom(periods, end)?.hours ?? 0;

/** Refuses a second registration of a tenant with other details. */
export function assertNotRegistered(registered: boolean, tenantId: string): void {
  if (registered) throw conflict('tenant_exists', `tenant ${tenantId} is registered already, with other details`);
}
