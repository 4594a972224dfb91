import { z } from 'zod';
import { text } from '../money/decimal.js';
import { type CardUsage, type Component, type PriceModel } from './model.js';

const schema = z.strictObject({ model: z.literal('rate_card') });

/**
 * Adds up usage with the same reference and unit amount, in the order of first use: conversion and money need the
 * cumulative quantity.
 */
export function byRate(usage: readonly CardUsage[]): CardUsage[] {
  const quantities = new Map<string, CardUsage>();
  for (const each of usage) {
    const key = `${each.ref}\n${text(each.unitAmount)}`;
    const known = quantities.get(key);
    quantities.set(key, known === undefined ? each : { ...known, quantity: known.quantity.plus(each.quantity) });
  }
  return [...quantities.values()];
}

/** Q × the rate in force. The price has no figures: usage comes divided by rate, each piece with its unit amount. */
export const rateCard: PriceModel<z.infer<typeof schema>, readonly CardUsage[]> & { schema: typeof schema } = {
  schema,
  pricedBy: 'card_usage',
  billedWhen: () => 'progressively',
  components: (_price, usage) =>
    byRate(usage).map(({ ref, quantity, unitAmount, unit }): Component => ({
      ...{ ref, quantity, unitAmount, unitAmountText: text(unitAmount) },
      ...(unit === undefined ? {} : { unit }),
    })),
};
