import type { Deployment, Resource, UsageRecord } from '../../../clients/typescript/ledgerline.ts';
import { monthOf } from './formats.ts';
import type { Correctable } from './prices.ts';

/** What a reading said. Without a quantity it never was. */
export function ofReading(record: UsageRecord): Correctable {
  const { deploymentId, provider, resourceId, billingKind, period, granularity, sourceId, quantity } = record;
  return {
    title: `${billingKind} of ${resourceId}`,
    amounts: [{ name: 'quantity', label: 'Quantity (empty: it never was)', value: quantity }],
    within: null,
    month: monthOf(new Date(period.start)),
    commandOf: ({ amounts, reason }) => ({
      ...{ command: 'correct-usage', deploymentId, resourceId, billingKind, period, granularity, reason },
      ...(provider === null ? {} : { provider }),
      ...(sourceId === null ? {} : { sourceId }),
      quantity: textOrNull(amounts['quantity'] ?? quantity),
    }),
  };
}

/** What the inventory says of a resource. Only what is changed is corrected. */
export function ofResource(resource: Resource): Correctable {
  const { provider, providerId, name, status, sizeGb, deploymentId, tenantId, firstSeenAt } = resource;
  const recorded = { status, sizeGb: sizeGb ?? '', deploymentId: deploymentId ?? '', tenantId: tenantId ?? '' };
  return {
    title: `resource ${name}`,
    amounts: [
      { name: 'status', label: 'Status', value: recorded.status },
      { name: 'sizeGb', label: 'Size in GB (empty: none)', value: recorded.sizeGb },
      { name: 'deploymentId', label: 'Deployment (empty: none)', value: recorded.deploymentId },
      { name: 'tenantId', label: 'Tenant, without a deployment (empty: none)', value: recorded.tenantId },
    ],
    within: { from: firstSeenAt, until: null },
    commandOf({ amounts, from, until, reason }) {
      const told = { ...recorded, ...amounts };
      return {
        ...{ command: 'correct-resource', provider, providerId, from, reason },
        ...(until === null ? {} : { until }),
        ...(told.status === recorded.status ? {} : { status: told.status }),
        ...(told.sizeGb === recorded.sizeGb ? {} : { sizeGb: textOrNull(told.sizeGb) }),
        ...(told.deploymentId === recorded.deploymentId ? {} : { deploymentId: textOrNull(told.deploymentId) }),
        ...(told.tenantId === recorded.tenantId ? {} : { tenantId: textOrNull(told.tenantId) }),
      };
    },
  };
}

/** Whose a deployment was, and since when. */
export function ofAssignment({ deploymentId, name, assignments }: Deployment): Correctable {
  const last = assignments.at(-1);
  const tenantId = last?.tenantId ?? '';
  return {
    title: `whose ${name} is`,
    amounts: [{ name: 'tenantId', label: 'Tenant', value: tenantId }],
    within: { from: last?.from ?? '', until: null },
    commandOf: ({ amounts, from, until, reason }) => ({
      ...{ command: 'correct-assignment', deploymentId, tenantId: amounts['tenantId'] ?? tenantId, reason },
      effectiveFrom: from,
      ...(until === null ? {} : { effectiveUntil: until }),
    }),
  };
}

const textOrNull = (text: string): string | null => (text.trim() === '' ? null : text.trim());
