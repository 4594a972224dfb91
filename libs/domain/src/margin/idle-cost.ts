import { compareText } from '../compare-text.js';
import { type Decimal, sum } from '../money/decimal.js';
import type { Attribution } from './attribution.js';
import { added, type Cogs, cogsOf, type DirectAndShared, partOf, summed } from './direct-and-shared.js';
import type { IdleReason } from './idle.js';
import type { ProviderKind } from './kind-mapping.js';
import { exactMoney } from './margin.js';

/** A share of a cost, and why its resource was idle then. null: it was not. */
export interface IdleShare extends ProviderKind {
  readonly idle: IdleReason | null;
  readonly amount: Decimal;
  readonly isShared: boolean;
}

/** The cost of a provider kind while its resources were idle. It is for no billing kind. */
export interface IdleCost extends ProviderKind, DirectAndShared {
  readonly reason: IdleReason;
}

/** The cost of idle resources, with its parts. */
export type IdleCogs = Cogs & { readonly parts: readonly (Omit<IdleCost, keyof DirectAndShared> & Cogs)[] };

/** The idle cost of a month, and who held the resources. */
export interface IdleRow extends IdleCogs {
  /** Comes to `directCogs`. A tenant of null: nobody. */
  readonly byHolder: readonly (Attribution & { readonly cogs: string })[];
}

/** The idle cost by provider kind and reason. */
export const idleCosts = (shares: readonly IdleShare[]): IdleCost[] =>
  summedIdle(
    shares.flatMap(({ idle: reason, provider, kind, isShared, amount }): IdleCost[] =>
      reason === null ? [] : [{ provider, kind, reason, ...partOf(isShared, amount) }],
    ),
  );

export const summedIdle = (idle: readonly IdleCost[]): IdleCost[] =>
  summed(idle, ({ provider, kind, reason }) => JSON.stringify([kind, provider, reason]));

export const idleCogs = (idle: readonly IdleCost[], currency: string): IdleCogs => ({
  ...cogsOf(added(idle), currency),
  parts: idle.map(({ direct, shared, ...of }) => ({ ...of, ...cogsOf({ direct, shared }, currency) })),
});

/** What resources of a month cost while they were idle, in all, by kind and by who held them. */
export function idleRow(shares: readonly (IdleShare & Attribution)[], currency: string): IdleRow {
  const held = shares.filter(({ idle, isShared }) => idle !== null && !isShared);
  return {
    ...idleCogs(idleCosts(shares), currency),
    byHolder: [...Map.groupBy(held, ({ tenantId, deploymentId }) => JSON.stringify([tenantId, deploymentId]))]
      .sort(([a], [b]) => compareText(a, b))
      .flatMap(([, of]) =>
        of.slice(0, 1).map(({ tenantId, deploymentId }) => ({
          ...{ tenantId, deploymentId },
          cogs: exactMoney(sum(of.map(({ amount }) => amount)), currency),
        })),
      ),
  };
}
