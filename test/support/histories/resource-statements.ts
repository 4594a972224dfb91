import fc from 'fast-check';
import { deploymentIds, reason, stated, type Weighted, withdrawalOf } from './statement.js';
import { begun } from './truth.js';
import { dayAt, FIRST_SEEN, METERED, RESOURCES, sighting, SIZES } from './world.js';

/** What is stated of resources and of their metering. */

const LAST = 58;
const resources = fc.constantFrom(...RESOURCES);
const days = fc.integer({ min: FIRST_SEEN + 1, max: LAST });
/** Mostly at midnight in UTC. What changes within a day does not change the day. */
const hours = fc.constantFrom(0, 0, 12);
const statuses = fc.constantFrom('active', 'active', 'off');
const sizes = fc.constantFrom(...SIZES);
const provider = 'do';

export const ofResources: Weighted[] = [
  stated(
    4,
    fc.tuple(resources, deploymentIds, days, hours, statuses, sizes),
    ([resource, deploymentId, on, hour, status, size]) => {
      const { providerId, kind } = resource;
      const seenAt = dayAt(on, hour);
      const sizeGb = kind === 'snapshot' ? size : null;
      return {
        command: sighting(resource, deploymentId, seenAt, { status, sizeGb }),
        becomesTrue: (truth) => truth.seen(providerId, seenAt, { status, sizeGb, deploymentId }),
        ...withdrawalOf('observe-resource', { provider, providerId, seenAt }),
      };
    },
  ),
  stated(1, fc.tuple(resources, days), ([{ providerId }, on]) => {
    const at = dayAt(on, 6);
    return {
      command: { command: 'remove-resource', provider, providerId, at },
      becomesTrue: (truth) => truth.seen(providerId, at, null),
      ...withdrawalOf('remove-resource', { provider, providerId, at }),
    };
  }),
  stated(
    4,
    fc.tuple(
      resources,
      fc.tuple(days, hours, fc.option(fc.integer({ min: 1, max: 20 }))),
      fc.oneof(
        statuses.map((status) => ({ status })),
        fc.constantFrom('d1', 'd2', null).map((deploymentId) => ({ deploymentId })),
        sizes.map((sizeGb) => ({ sizeGb })),
      ),
    ),
    ([{ providerId, kind }, [on, hour, lasting], changes]) => {
      if (kind !== 'snapshot' && 'sizeGb' in changes) return null;
      const [from, until] = [dayAt(on, hour), lasting === null ? null : dayAt(on + lasting, hour)];
      return {
        command: {
          ...{ command: 'correct-resource', provider, providerId, from, ...changes, ...reason },
          ...(until === null ? {} : { until }),
        },
        becomesTrue: (truth) => truth.corrected(providerId, { from, until, changes }),
      };
    },
  ),
  stated(1, fc.tuple(fc.constantFrom('day', 'hour'), days), ([granularity, on]) => {
    const [billingKind, from] = [METERED['droplet'], dayAt(on)];
    return {
      command: { command: 'configure-metering', billingKind, granularity, from },
      becomesTrue: (truth) => {
        truth.granularities = begun(truth.granularities, from, granularity);
      },
      ...withdrawalOf('configure-metering', { billingKind, from }),
    };
  }),
];
