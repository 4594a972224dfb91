import type { ResourceState } from '../inventory/resource.js';
import { isOff } from '../metering/metering.js';
import type { Instant } from '../time/instant.js';
import { contains, type Period } from '../time/period.js';

/** Why a cost is idle. `unsold`: its resource is in no deployment. `remainder`: nobody used that part of a pool. */
export const IDLE_REASONS = ['off', 'unsold', 'remainder'] as const;
export type IdleReason = (typeof IDLE_REASONS)[number];

/** A time that readings of a resource cover. `isUsed`: with a quantity other than 0. */
export interface ReadSpan {
  readonly billingKind: string;
  readonly isUsed: boolean;
  readonly period: Period;
}

/** What is known of a resource. */
export interface Idleness {
  /** By the inventory. null: it was never seen. */
  readonly state: ResourceState | null;
  readonly spans: readonly ReadSpan[];
  /** The billing kinds that its cost is for: only their readings count. Empty: all readings. */
  readonly billingKinds: readonly string[];
}

/**
 * Whether a resource is idle at an instant; null: it is not. What was metered decides: where readings cover the
 * instant, it is off if all of them are 0. Elsewhere the inventory decides: it is idle in no deployment, or off.
 */
export function idleAt(at: Instant, { state, spans, billingKinds }: Idleness): IdleReason | null {
  const covering = spans.filter(
    ({ billingKind, period }) =>
      contains(period, at) && (billingKinds.length === 0 || billingKinds.includes(billingKind)),
  );
  if (covering.length > 0) return covering.some(({ isUsed }) => isUsed) ? null : 'off';
  if (state === null) return null;
  if (state.deploymentId === null) return 'unsold';
  return isOff(state) ? 'off' : null;
}
