import { z } from 'zod';
import { invalid } from '../errors.js';
import { readNamed } from './figure.js';
import type { BilledWhen, Component, PriceRules, Usage } from './model.js';
import { MODELS } from './registry.js';

type AnySchema = (typeof MODELS)[keyof typeof MODELS]['schema'];

/** The price of a plan item in JSON. `model` says which kind it is; its figures are decimals as strings. */
export const zPrice = z.discriminatedUnion(
  'model',
  // the registry is never empty, but Object.values does not tell the compiler so
  Object.values(MODELS).map(({ schema }) => schema) as [AnySchema, ...AnySchema[]],
);
export type Price = z.infer<AnySchema>;

/**
 * Reads a price. A refusal has a code (`tiers_out_of_order`, `not_a_decimal`, …; else `invalid_price`) and names the
 * faulty fields.
 */
export const parsePrice = (input: unknown): Price => readNamed(zPrice, input, 'price', 'invalid_price');

/** The functions of every model, for any price. Method syntax: a model is only given prices that name it. */
type AnyModel = PriceRules<Price> & { components(price: Price, billable: Usage): Component[] };

const modelOf = (price: Price): AnyModel => MODELS[price.model];

/** Whether the price is for the period itself, with or without usage. */
export const isPerPeriod = (price: Price): boolean => modelOf(price).pricedBy === 'period';
/** Whether the price is applied to usage divided by rate; else to one quantity. */
export const needsRates = (price: Price): boolean => modelOf(price).pricedBy === 'card_usage';
export const billedWhen = (price: Price): BilledWhen => modelOf(price).billedWhen(price);

/**
 * Refuses a quantity if the price needs usage by rate, and usage by rate if it needs a quantity
 * (`wrong_kind_of_usage`).
 */
export function guardUsage(price: Price, usage: Usage): void {
  if (Array.isArray(usage) === needsRates(price)) return;
  const needed = needsRates(price) ? 'usage divided by rate' : 'one quantity';
  throw invalid('wrong_kind_of_usage', `price: a ${price.model} price needs ${needed}`);
}

/** The components of a cumulative billable quantity (≥ 0), in the order in which a maximum applies to them. */
export function components(price: Price, billable: Usage): Component[] {
  guardUsage(price, billable);
  return modelOf(price).components(price, billable);
}
