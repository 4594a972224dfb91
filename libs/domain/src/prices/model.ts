import type { z } from 'zod';
import { type Decimal, decimal } from '../money/decimal.js';
import type { Ref } from './refs.js';

/** Cumulative usage of one rate. `ref` names its key, and its rate segment if the caller separates those. */
export interface CardUsage {
  readonly ref: string;
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
  /** The unit of the rate, if it names one. */
  readonly unit?: string | undefined;
}

/** The usage since the period's start: one quantity, or for a rate card one per rate. */
export type Usage = Decimal | readonly CardUsage[];

/** One priced component of a cumulative quantity, before any rounding. */
export interface Component {
  /** A `Ref`, or the key of a rate. */
  readonly ref: string;
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
  /** The unit amount as the price writes it: "1.00", not "1". */
  readonly unitAmountText: string;
  /** What the unit amount is for, if its rate says so: `minute`. */
  readonly unit?: string | undefined;
}

/** When the amount of a period is billed: in its first part, part by part, or in its last part, once it is over. */
export type BilledWhen = 'in_advance' | 'progressively' | 'at_period_end';

/**
 * What a price is applied to. `quantity`: one billable quantity · `card_usage`: quantities that already have their rate
 * · `period`: the period itself. Included units, quantity discounts, conversions and commitments do not apply to a
 * period.
 */
export type PricedBy = 'quantity' | 'card_usage' | 'period';

/** What a price model states about its prices. A price of the period itself is never split. */
export type PriceRules<Price> =
  | { readonly pricedBy: 'period'; billedWhen(price: Price): Exclude<BilledWhen, 'progressively'> }
  | { readonly pricedBy: Exclude<PricedBy, 'period'>; billedWhen(price: Price): BilledWhen };

/**
 * A price model: its JSON, its rules, and the components of a cumulative quantity. `components` is a pure function of
 * the cumulative quantity: a part's amount is found by subtraction, never by the model. Other folders use the functions
 * of price.ts, and never the name of a model.
 */
export type PriceModel<Price, Billable extends Usage = Decimal> = PriceRules<Price> & {
  readonly schema: z.ZodType<Price>;
  components(price: Price, billable: Billable): Component[];
};

export const component = (ref: Ref, quantity: Decimal, unitAmountText: string): Component => ({
  ref,
  quantity,
  unitAmount: decimal(unitAmountText),
  unitAmountText,
});
