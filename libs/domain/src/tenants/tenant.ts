import { z } from 'zod';
import { conflict } from '../errors.js';
import { zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';

/** A tenant: who is billed. One stream holds what is decided about it. */
export const tenantStream = (tenantId: string): string => `tenant-${encodeURIComponent(tenantId)}`;

// Stored for ever. A name is personal data: it lives in an erasable table, the event holds its reference and a salted hash.
export const tenantEvents = {
  TenantRegistered: z.object({ tenantId: zId, currency: zCurrency, timeZone: z.string(), detailsRef: z.uuid(), detailsHash: z.string() }),
  TenantTaxSet: z.object({ tenantId: zId, name: zText, ratePercent: zDecimal, from: zInstant }),
};

/** IANA names only, as the platform knows them. */
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

/** The tax in force at an instant; null where the tenant has none yet. */
export function taxAt(taxes: readonly TaxRate[], at: Instant): TaxRate | null {
  let found: TaxRate | null = null;
  for (const tax of taxes) {
    if (!isBefore(at, tax.from) && (found === null || compareInstants(found.from, tax.from) <= 0)) found = tax;
  }
  return found;
}

/** Guards first: a second registration or a second tax from the same instant is a conflict. */
export function assertNotRegistered(registered: boolean, tenantId: string): void {
  if (registered) throw conflict('tenant_exists', `tenant ${tenantId} is registered already, with other details`);
}
