import { compareText } from '../compare-text.js';
import type { LineDefinition } from '../lines/line.js';
import { type Decimal, sum, text, ZERO } from '../money/decimal.js';
import type { ItemTerms } from '../rating/terms.js';
import { exactMoney, marginPercent } from './margin.js';

/** The terms of an item up to one of the steps of rating, in their order. The last has all of them. */
const STEPS: readonly ((terms: ItemTerms) => ItemTerms)[] = [
  // The list price: without allowance, discounts and commitments.
  ({ price, unitConversion }) => ({ price, ...(unitConversion === undefined ? {} : { unitConversion }) }),
  ({ included, discounts, ...terms }) => ({
    ...withoutCommitments(terms),
    ...(included === undefined ? {} : { included }),
    ...(discounts?.quantity === undefined ? {} : { discounts: { quantity: discounts.quantity } }),
  }),
  (terms) => withoutCommitments(terms),
  ({ commitments, ...terms }) => ({
    ...terms,
    ...(commitments?.maximum === undefined ? {} : { commitments: { maximum: commitments.maximum } }),
  }),
  (terms) => terms,
];

const withoutCommitments = ({ commitments: _, ...terms }: ItemTerms): ItemTerms => terms;

/**
 * A line at its list price, with its allowance (included units and usage discount), with its discount, with its maximum
 * and with its minimum. Each has the terms of the one before it too. Lines with the same terms are the same object.
 */
export function stepsOfPrice(line: LineDefinition): readonly LineDefinition[] {
  const steps: LineDefinition[] = [];
  for (const step of STEPS.toReversed()) {
    const segments = line.segments.map(({ pooled, ...segment }) => {
      const terms = step(segment.terms);
      // A pool shares included units.
      return { ...segment, terms, ...(pooled === true && terms.included !== undefined ? { pooled } : {}) };
    });
    const last = steps.at(-1) ?? line;
    const isSame = segments.every(({ terms }, index) => sizeOf(terms) === sizeOf(last.segments[index]?.terms ?? terms));
    steps.push(isSame ? last : { ...line, segments });
  }
  return steps.reverse();
}

/** Steps only add terms, so those of the same number are the same. */
const sizeOf = ({ included, discounts = {}, commitments = {} }: ItemTerms): number =>
  [included, ...Object.values(discounts), ...Object.values(commitments)].filter((each) => each !== undefined).length;

/** Why less (below 0) or more than the list value is billed. */
export const REALISATION_CAUSES = [
  'allowance',
  'discount',
  'maximum',
  'minimum',
  'coupon',
  'credit',
  'creditNotes',
  'other',
] as const;
export type RealisationCause = (typeof REALISATION_CAUSES)[number];
type KnownCause = Exclude<RealisationCause, 'other'>;

/** What is known of a billing kind: of a line, or of documents. What is absent is 0. */
export interface RealisedPart extends Partial<Readonly<Record<KnownCause, Decimal>>> {
  readonly billingKind: string;
  /** Metered units that are billed, before any conversion. */
  readonly quantity?: Decimal;
  /** The metered quantity at the list price. */
  readonly list?: Decimal;
  readonly billed?: Decimal;
}

/** List value + causes = billed, exactly. */
export interface Realisation extends Readonly<Record<RealisationCause, string>> {
  readonly list: string;
  readonly billed: string;
  /** billed ÷ list in percent, to one decimal; null where the list value is 0. */
  readonly realisationPct: string | null;
  /** billed − list. */
  readonly difference: string;
}

export interface Realisations {
  readonly overall: Realisation;
  readonly byKind: readonly ({ readonly billingKind: string; readonly quantity: string } & Realisation)[];
}

export function realisationsOf(parts: readonly RealisedPart[], currency: string): Realisations {
  const kinds = [...Map.groupBy(parts, ({ billingKind }) => billingKind)].sort(([a], [b]) => compareText(a, b));
  return {
    overall: realisationOf(parts, currency),
    byKind: kinds.map(([billingKind, of]) => ({
      billingKind,
      quantity: text(sum(of.map(({ quantity = ZERO }) => quantity))),
      ...realisationOf(of, currency),
    })),
  };
}

function realisationOf(parts: readonly RealisedPart[], currency: string): Realisation {
  const money = (amount: Decimal): string => exactMoney(amount, currency);
  const total = (of: KnownCause | 'list' | 'billed'): Decimal => sum(parts.map((part) => part[of] ?? ZERO));
  const [list, billed] = [total('list'), total('billed')];
  const known = REALISATION_CAUSES.filter((cause) => cause !== 'other').map((cause) => [cause, total(cause)] as const);
  const other = billed.minus(list).minus(sum(known.map(([, amount]) => amount)));
  const causes = Object.fromEntries(
    [...known, ['other', other] as const].map(([cause, amount]) => [cause, money(amount)]),
  ) as Record<RealisationCause, string>;
  return {
    list: money(list),
    ...causes,
    billed: money(billed),
    realisationPct: marginPercent(list, billed),
    difference: money(billed.minus(list)),
  };
}
