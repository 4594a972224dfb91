import type { Buyer, Seller } from '#domain/invoices/parties';
import type { Details } from '#ledger/tenant-details';

/** Details of a party with what they lacked then as it is now. What they had then stays. */
function completed<Of extends Pick<Buyer, (typeof ADDRESS)[number]>>(then: Of, now: Of): Of {
  // An address is one: its parts are never those of two places.
  const lacksAddress = ADDRESS.some((part) => part !== 'street' && then[part] === undefined);
  const address = lacksAddress && now.countryCode !== undefined ? now : then;
  const known = Object.fromEntries(Object.entries(then).filter(([, value]) => value !== undefined));
  return {
    ...{ ...now, ...known },
    ...{ street: address.street, city: address.city, postalCode: address.postalCode },
    countryCode: address.countryCode,
  };
}
const ADDRESS = ['street', 'city', 'postalCode', 'countryCode'] as const;

export const completedSeller = (then: Seller, now: Seller): Seller => ({
  ...completed(then, now),
  ...(then.contact === undefined || now.contact === undefined ? {} : { contact: { ...now.contact, ...then.contact } }),
});

/** The name is that of the issue in any case. */
export function completedBuyer(then: Details, now: Details): Details {
  const [had, has] = [then.eInvoice ?? {}, now.eInvoice ?? {}];
  const untaxed = had.untaxed?.category === has.untaxed?.category ? has.untaxed : had.untaxed;
  const eInvoice = { ...completed(had, has), ...(had.untaxed === undefined ? {} : { untaxed }) };
  return { ...then, address: then.address ?? now.address, taxNumber: then.taxNumber ?? now.taxNumber, eInvoice };
}
