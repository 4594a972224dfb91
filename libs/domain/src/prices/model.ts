import type { z } from 'zod';
import { type Decimal, decimal } from '../money/decimal.js';

/** Cumulative usage of one rate: `ref` names its key (and rate segment, where the caller keeps those apart). */
export interface CardUsage {
  readonly ref: string;
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
}

/** What was used from the period's start on: one quantity, or for a rate card one per rate. */
export type Usage = Decimal | readonly CardUsage[];

/** One priced component of a cumulative quantity, before any rounding. */
export interface Component {
  readonly ref: string;
  readonly quantity: Decimal;
  readonly unitAmount: Decimal;
  /** The unit amount as the price writes it: "1.00", not "1". */
  readonly unitAmountText: string;
}

/** When the amount of a period may be billed: in its first part, part by part, or only once it is over (in its last part). */
export type BilledWhen = 'in_advance' | 'progressively' | 'at_period_end';

/**
 * What a price is applied to. `quantity`: one billable quantity · `card_usage`: quantities that already carry their rate ·
 * `period`: the period as such; included units, quantity discounts, conversions and commitments then mean nothing.
 */
export type PricedBy = 'quantity' | 'card_usage' | 'period';

/**
 * A price model: what its JSON looks like, and the components that a cumulative quantity is made of.
 * `components` is a pure function of the cumulative quantity: what a part owes is found by subtraction, never by the model.
 */
export interface PriceModel<Price, Billable extends Usage = Decimal> {
  readonly schema: z.ZodType<Price>;
  readonly pricedBy: PricedBy;
  billedWhen(price: Price): BilledWhen;
  components(price: Price, billable: Billable): Component[];
}

export const component = (ref: string, quantity: Decimal, unitAmountText: string): Component => ({
  ref,
  quantity,
  unitAmount: decimal(unitAmountText),
  unitAmountText,
});
