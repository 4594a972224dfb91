import { compareText } from '../compare-text.js';
import { type Decimal, sum, ZERO } from '../money/decimal.js';
import { exactMoney, type MarginFigures } from './margin.js';

/** Cost that is not shared, and cost that policies share. */
export interface DirectAndShared {
  readonly direct: Decimal;
  readonly shared: Decimal;
}

export type Cogs = Pick<MarginFigures, 'cogs' | 'directCogs' | 'sharedCogs'>;

export const partOf = (isShared: boolean, amount: Decimal): DirectAndShared =>
  isShared ? { direct: ZERO, shared: amount } : { direct: amount, shared: ZERO };

export const added = (costs: readonly DirectAndShared[]): DirectAndShared => ({
  direct: sum(costs.map(({ direct }) => direct)),
  shared: sum(costs.map(({ shared }) => shared)),
});

/** Adds up what has the same key, in the order of keys. */
export const summed = <Cost extends DirectAndShared>(costs: readonly Cost[], keyOf: (cost: Cost) => string): Cost[] =>
  [...Map.groupBy(costs, keyOf)]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([, of]) => of.slice(0, 1).map((first) => ({ ...first, ...added(of) })));

export const cogsOf = ({ direct, shared }: DirectAndShared, currency: string): Cogs => ({
  cogs: exactMoney(direct.plus(shared), currency),
  directCogs: exactMoney(direct, currency),
  sharedCogs: exactMoney(shared, currency),
});
