import { type Decimal, decimal, integer, round, ZERO } from '../money/decimal.js';
import type { Component, Usage } from '../prices/model.js';
import { components } from '../prices/price.js';
import { billable } from './billable.js';
import type { RatedRow } from './row.js';
import type { ItemTerms } from './terms.js';

const HUNDREDTH = decimal('0.01');

/** The one place where usage becomes money: gross = R(quantity × unit amount), discount = R(gross × percent / 100). */
function priced(component: Component, percent: Decimal, scale: number): RatedRow {
  const gross = round(component.quantity.times(component.unitAmount), scale);
  const discount = percent.eq(ZERO) ? ZERO : round(gross.times(percent).times(HUNDREDTH), scale);
  return { ...component, gross, discount, credit: ZERO, net: gross.minus(discount) };
}

/** Steps 1 to 4 of the usage since the period's start: conversion → allowance → price → percentage discount per row. */
export function cumulativeRows(terms: ItemTerms, used: Usage, scale: number): RatedRow[] {
  const percent =
    terms.discounts?.percentage === undefined
      ? integer(0)
      : decimal(terms.discounts.percentage, 'discounts.percentage');
  return components(terms.price, billable(terms, used)).map((component) => priced(component, percent, scale));
}
