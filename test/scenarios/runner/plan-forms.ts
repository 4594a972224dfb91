import { type PlanItem, zPlanItem } from '#domain/plans/plan';
import { parsePrice, type Price } from '#domain/prices/price';
import { parse } from '#domain/schema';
import { type Block, ScenarioError } from './blocks.js';
import { form, type Form, readChildren, withoutChildren, type Words } from './forms.js';

/** Fields of a plan or of an item of it, as far as one line says them. */
type Fields = Readonly<Record<string, unknown>>;

interface Tier {
  readonly upTo: string | null;
  readonly unitAmount: string;
  readonly flatAmount?: string;
}
const tier = (upTo: string | null, words: Words): Tier => {
  const flatAmount = words.optional('FLAT');
  return { upTo, unitAmount: words.of('PRICE'), ...(flatAmount === undefined ? {} : { flatAmount }) };
};
const TIERS: readonly Form<Tier>[] = [
  form('up to QUANTITY at PRICE [plus FLAT]', (words) => tier(words.of('QUANTITY'), words)),
  form('above that at PRICE [plus FLAT]', (words) => tier(null, words)),
];

/** Below `price` in an item, and below a correction of a price. */
const priceForm = (usage: string, read: (words: Words, block: Block) => Fields): Form<Price> =>
  form(usage, (words, block) => {
    const fields = read(words, block);
    if (fields['tiers'] === undefined) withoutChildren(block);
    return parsePrice(fields);
  });
export const PRICES: readonly Form<Price>[] = [
  priceForm('price unit PRICE', (words) => ({ model: 'unit', unitAmount: words.of('PRICE') })),
  priceForm('price flat PRICE TERM', (words) => ({
    model: 'flat',
    amount: words.of('PRICE'),
    paymentTerm: words.of('TERM').replace(' ', '_'),
  })),
  priceForm('price MODEL', (words, block) => ({ model: words.of('MODEL'), tiers: readChildren(block, TIERS) })),
  priceForm('price package of SIZE at PRICE', (words) => ({
    model: 'package',
    packageSize: words.of('SIZE'),
    packageAmount: words.of('PRICE'),
  })),
  priceForm('price dynamic times QUANTITY', (words) => ({ model: 'dynamic', multiplier: words.of('QUANTITY') })),
  priceForm('price percentage PERCENT [plus FLAT]', (words) => {
    const fixedAmount = words.optional('FLAT');
    return {
      model: 'percentage',
      percent: words.percent('PERCENT'),
      ...(fixedAmount === undefined ? {} : { fixedAmount }),
    };
  }),
  priceForm('price rate card', () => ({ model: 'rate_card' })),
];

const ROUNDINGS: Readonly<Record<string, string>> = { up: 'ceiling', down: 'floor', 'half up': 'half_up' };
const conversion = (words: Words): Fields => {
  const [rounding, precision] = [words.optional('ROUNDING'), words.optional('DECIMALS')];
  return {
    operation: words.of('OPERATION'),
    factor: words.of('SIZE'),
    ...(rounding === undefined ? {} : { rounding: ROUNDINGS[rounding] }),
    ...(precision === undefined ? {} : { precision: Number(precision) }),
  };
};

const term = (usage: string, read: (words: Words) => Fields): Form<Fields> =>
  form(usage, (words, block) => {
    withoutChildren(block);
    return read(words);
  });
/** Terms of an item, one or two of each subject: `discounts` and `commitments` are joined. */
const TERMS: readonly Form<Fields>[] = [
  term('included QUANTITY', (words) => ({ included: words.of('QUANTITY') })),
  term('conversion OPERATION by SIZE [rounded ROUNDING] [to DECIMALS decimals]', (words) => ({
    unitConversion: conversion(words),
  })),
  term('usage discount QUANTITY', (words) => ({ discounts: { quantity: words.of('QUANTITY') } })),
  term('discount PERCENT', (words) => ({ discounts: { percentage: words.percent('PERCENT') } })),
  term('minimum AMOUNT', (words) => ({ commitments: { minimum: words.of('AMOUNT') } })),
  term('maximum AMOUNT', (words) => ({ commitments: { maximum: words.of('AMOUNT') } })),
  term('aggregation AGGREGATION [by ATTRIBUTE]', (words) => {
    const uniqueBy = words.optional('ATTRIBUTE');
    return { aggregation: words.of('AGGREGATION'), ...(uniqueBy === undefined ? {} : { uniqueBy }) };
  }),
  term('only ATTRIBUTES', (words) => ({ filter: words.attributes('ATTRIBUTES') })),
];
const ITEM: readonly Form<Fields>[] = [
  ...TERMS,
  ...PRICES.map(({ usage, read }) => form(usage, (words, block): Fields => ({ price: read(words, block) }))),
];

function itemOf(billingKind: string, block: Block): PlanItem {
  const given = readChildren(block, ITEM);
  const joined = (name: string): Fields => {
    const parts = given.flatMap((fields) => (fields[name] === undefined ? [] : [fields[name] as Fields]));
    return parts.length === 0 ? {} : { [name]: Object.assign({}, ...parts) as Fields };
  };
  return parse(
    zPlanItem,
    { billingKind, ...Object.assign({}, ...given), ...joined('discounts'), ...joined('commitments') },
    `item ${billingKind}`,
  );
}

interface PlanTerms {
  readonly currency: string;
  readonly baseFee: string;
  readonly interval: 'month' | 'year';
  readonly paymentTerm: 'in_advance' | 'in_arrears';
  readonly items: readonly PlanItem[];
}
type PlanLine = { readonly currency: string } | Omit<PlanTerms, 'currency' | 'items'> | { readonly item: PlanItem };

const PLAN: readonly Form<PlanLine>[] = [
  form('currency CURRENCY', (words) => ({ currency: words.of('CURRENCY') })),
  form('base fee AMOUNT INTERVAL TERM', (words) => ({
    baseFee: words.of('AMOUNT'),
    interval: words.of('INTERVAL') === 'yearly' ? 'year' : 'month',
    paymentTerm: words.of('TERM') === 'in advance' ? 'in_advance' : 'in_arrears',
  })),
  form('item KIND', (words, block) => ({ item: itemOf(words.of('KIND'), block) })),
];

/** What is indented below `plan`. */
export function planTerms(block: Block): PlanTerms {
  const lines = readChildren(block, PLAN);
  const currency = lines.find((line) => 'currency' in line);
  const fee = lines.find((line) => 'baseFee' in line);
  if (currency === undefined || fee === undefined)
    throw new ScenarioError(block.place, 'a plan needs its currency and its base fee (0 where there is none)');
  return { ...currency, ...fee, items: lines.flatMap((line) => ('item' in line ? [line.item] : [])) };
}
