import { itemKey } from '../plans/plan.js';
import { type Subscription, subscriptionPeriods } from '../tenants/deployment.js';
import { compareInstants, type Instant, isBefore } from '../time/instant.js';
import type { OpenPeriod } from '../time/period.js';
import { baseFeeItem, changesOf, type LineDefinition, type LineTerms, planVersionAt } from './line.js';

/** The readings of a deployment that are on lines of one item: those of a kind that begin within a period. */
export interface Covered {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly filter: LineDefinition['filter'];
  readonly period: OpenPeriod;
}

/** What the lines of a subscription cover, of all times: `linesOf` joined over the billing periods. */
export function coveredBy(
  subscription: Subscription,
  { assignments, plans }: Omit<LineTerms, 'timeZoneOf'>,
): Covered[] {
  const changes = changesOf(subscription, plans).sort(compareInstants);
  return subscriptionPeriods(subscription, assignments).flatMap(({ period }) => {
    const covered: Covered[] = [];
    let open = new Map<string, number>();
    for (const piece of piecesBetween(period, changes)) {
      const version = planVersionAt(subscription, plans, piece.start);
      const items = version === undefined ? [] : [baseFeeItem(version), ...version.items];
      const present = new Map<string, number>();
      for (const item of items) {
        const { billingKind, filter = null } = item;
        const key = itemKey(item);
        const index = open.get(key) ?? covered.length;
        const start = covered[index]?.period.start ?? piece.start;
        covered[index] = {
          ...{ deploymentId: subscription.deploymentId, billingKind, filter },
          period: { start, end: piece.end },
        };
        present.set(key, index);
      }
      open = present;
    }
    return covered;
  });
}

/** `cuts` in order. */
function piecesBetween({ start, end }: OpenPeriod, cuts: readonly Instant[]): OpenPeriod[] {
  const within = cuts.filter((cut) => isBefore(start, cut) && (end === null || isBefore(cut, end)));
  const starts = [...new Set([start, ...within])];
  return starts.map((at, index) => ({ start: at, end: starts[index + 1] ?? end }));
}
