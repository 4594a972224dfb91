import type { UntaxedCategory } from '#domain/invoices/parties';

/**
 * An invoice as EN 16931 understands it, before it is written in a syntax. The numbers of the business terms (BT) and
 * groups (BG) are those of the norm. Amounts are decimals as texts, dates are `2026-04-30`. null: the term is absent.
 */
export interface EInvoice {
  /** BT-1 */
  readonly number: string;
  /** BT-2 */
  readonly issueDate: string;
  /** BT-3. 380: invoice · 381: credit note, whose amounts are above zero. */
  readonly typeCode: '380' | '381';
  /** BT-5 */
  readonly currency: string;
  /** BT-9 */
  readonly dueDate: string | null;
  /** BT-10 */
  readonly buyerReference: string | null;
  /** BT-20 */
  readonly paymentTerms: string | null;
  /** BT-22 */
  readonly note: string | null;
  /** BG-3: the invoices that it credits or corrects. */
  readonly preceding: readonly { readonly number: string; readonly issueDate: string | null }[];
  /** BG-14 */
  readonly period: Days | null;
  /** BG-4 */
  readonly seller: Party;
  /** BG-7 */
  readonly buyer: Party;
  /** BG-15: where an intra-community supply goes. */
  readonly deliverTo: Address | null;
  /** BG-16 */
  readonly payment: Payment | null;
  /** BG-22 */
  readonly totals: Totals;
  /** BG-23 */
  readonly taxes: readonly TaxTotal[];
  /** BG-25 */
  readonly lines: readonly Line[];
}

/** The first and the last day. */
export interface Days {
  readonly start: string;
  readonly end: string;
}

export interface Address {
  /** BT-35/36/162 or BT-50/51/163: at most three. */
  readonly lines: readonly string[];
  readonly city: string | null;
  readonly postalCode: string | null;
  readonly countryCode: string | null;
}

export interface Party {
  readonly name: string | null;
  /** BT-31, BT-48 */
  readonly vatId: string | null;
  /** BT-32, of the seller only. */
  readonly taxNumber: string | null;
  /** BT-30, BT-47 */
  readonly registrationId: string | null;
  readonly address: Address;
  /** BT-34, BT-49 */
  readonly electronicAddress: { readonly scheme: string; readonly id: string } | null;
  /** BG-6, BG-9 */
  readonly contact: Contact | null;
}

export interface Contact {
  readonly name: string | null;
  readonly phone: string | null;
  readonly email: string | null;
}

export interface Payment {
  /** BT-81. 58: SEPA credit transfer · 30: credit transfer · 97: nothing is to be paid, it is set off. */
  readonly code: '30' | '58' | '97';
  /** BT-84. null: nothing is to be paid. */
  readonly account: string | null;
  /** BT-85 */
  readonly accountName: string | null;
  /** BT-86 */
  readonly bic: string | null;
}

export interface Totals {
  /** BT-106 */
  readonly lines: string;
  /** BT-109 */
  readonly withoutTax: string;
  /** BT-110 */
  readonly tax: string;
  /** BT-112 */
  readonly withTax: string;
  /** BT-113: credit of the tenant that the invoice takes. */
  readonly paid: string | null;
  /** BT-115 */
  readonly due: string;
}

/** S: standard rate. */
export type TaxCategory = 'S' | UntaxedCategory;

export interface TaxTotal {
  /** BT-116 */
  readonly taxable: string;
  /** BT-117 */
  readonly tax: string;
  /** BT-118. null: unknown. */
  readonly category: TaxCategory | null;
  /** BT-119 */
  readonly rate: string | null;
  /** BT-120 */
  readonly reason: string | null;
  /** BT-121 */
  readonly reasonCode: string | null;
}

/** BG-27, BG-28: above zero. */
export interface Adjustment {
  readonly kind: 'allowance' | 'charge';
  readonly amount: string;
  readonly reason: string;
}

export interface Line {
  /** BT-126 */
  readonly id: string;
  /** BT-127 */
  readonly note: string | null;
  /** BT-129 */
  readonly quantity: string;
  /** BT-130 */
  readonly unitCode: string;
  /** BT-131 */
  readonly net: string;
  /** BG-26 */
  readonly period: Days;
  readonly adjustments: readonly Adjustment[];
  /** BT-146 */
  readonly price: string;
  /** BT-151 */
  readonly category: TaxCategory | null;
  /** BT-152 */
  readonly rate: string | null;
  /** BT-153 */
  readonly name: string;
  /** BT-154 */
  readonly description: string | null;
}
