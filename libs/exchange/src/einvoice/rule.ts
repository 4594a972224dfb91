import { type Decimal, decimal, round, sum } from '#domain/money/decimal';
import type { EInvoice } from './model.js';

/** A rule of the norm, or of a profile, by its published id. */
export interface Rule {
  readonly id: string;
  /** What must hold, in plain words. */
  readonly says: string;
  /** What to do where it does not hold. */
  readonly remedy: string;
  readonly holds: (invoice: EInvoice) => boolean;
}

export const rule = (id: string, says: string, remedy: string, holds: Rule['holds']): Rule => ({
  id,
  says,
  remedy,
  holds,
});

// An issued document takes what it lacks from the details as they are now, and keeps what it has.
export const SELLER = (field: string): string => `Set ${field} in LEDGERLINE_SELLER_DETAILS.`;
export const BUYER = (field: string): string => `Set ${field} with correct-tenant.`;
/** What to do about a detail that was stated wrongly. */
export const WRONG = (field: string): string =>
  `Correct ${field} of the tenant (correct-tenant) or of the seller (LEDGERLINE_SELLER_DETAILS). ` +
  'An issued document keeps what it has: void the invoice and issue it again.';
export const AMOUNTS =
  'The amounts of an issued invoice never change, so this one can’t be sent as an electronic invoice. ' +
  'Send its document.';

export const isGiven = (value: string | null): value is string => value !== null && value.trim() !== '';
export const added = (amounts: Iterable<string>): Decimal => sum([...amounts].map((each) => decimal(each)));
export const isSame = (a: Decimal | string, b: Decimal | string): boolean =>
  (typeof a === 'string' ? decimal(a) : a).eq(typeof b === 'string' ? decimal(b) : b);

/** All amounts of the norm but prices have at most two decimals. */
export const SCALE = 2;
export const isAtScale = (amount: string): boolean => decimal(amount).eq(round(decimal(amount), SCALE));
