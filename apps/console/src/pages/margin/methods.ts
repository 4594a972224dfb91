import type { CostSharing } from '../../../../../clients/typescript/ledgerline.ts';

export type Method = CostSharing['method'];

/** How a policy shares cost, in words. */
export const METHODS: Readonly<Record<Method, string>> = {
  none: 'Not shared',
  even: 'Evenly',
  direct_cost: 'By direct cost',
  usage: 'By usage of a billing kind',
  revenue: 'By revenue',
  weights: 'By weights',
};
