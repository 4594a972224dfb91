import type { Buyer, Seller } from '#domain/invoices/parties';
import type { Details } from '#ledger/tenant-details';
import { isVatId } from './codes.js';

type Address = Pick<Buyer, 'street' | 'city' | 'postalCode' | 'countryCode'>;

/** Details of a party with what they lacked then as it is now. What they had then stays. */
function completed<Of extends Address>(then: Of, now: Of): Of {
  const { street, city, postalCode, countryCode } = takesAddress(then, now) ? now : then;
  return { ...now, ...stated(then), street, city, postalCode, countryCode };
}

/** An address is one: its parts are never those of two places. */
const takesAddress = (then: Address, now: Address): boolean =>
  [then.city, then.postalCode, then.countryCode].includes(undefined) && now.countryCode !== undefined;

const stated = <Of extends object>(of: Of): Partial<Of> =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Partial<Of>;

export function completedSeller(then: Seller, now: Seller): Seller {
  // An account of a bank is one as well.
  const { iban, bic, accountName } = then.iban === undefined && now.iban !== undefined ? now : then;
  const contact = then.contact === undefined ? now.contact : { ...now.contact, ...stated(then.contact) };
  return { ...completed(then, now), iban, bic, accountName, ...(contact === undefined ? {} : { contact }) };
}

/** The name is that of the issue in any case. */
export function completedBuyer(then: Details, now: Details): Details {
  const [had, has] = [then.eInvoice ?? {}, now.eInvoice ?? {}];
  // The printed address is the street where no other is stated: it is of the same place as the city.
  const address = takesAddress(had, has) ? now.address : then.address;
  const hasPlace = [had.street, had.city, had.postalCode, had.countryCode].some((part) => part !== undefined);
  const taxNumber = then.taxNumber ?? now.taxNumber;
  const isIdentified = had.vatId === undefined && then.taxNumber !== undefined && isVatId(then.taxNumber);
  const eInvoice = {
    ...completed(had, has),
    vatId: isIdentified ? undefined : (had.vatId ?? has.vatId),
    untaxed: untaxedOf(had.untaxed, has.untaxed),
  };
  return { ...then, address: address ?? (hasPlace ? undefined : now.address), taxNumber, eInvoice };
}

/** A reason and its code say the same: both are of the issue, or both are of now. Neither is of another category. */
function untaxedOf(had: Buyer['untaxed'], has: Buyer['untaxed']): Buyer['untaxed'] {
  if (had === undefined) return has;
  const hasReason = had.reason !== undefined || had.reasonCode !== undefined;
  return hasReason || had.category !== has?.category ? had : has;
}
