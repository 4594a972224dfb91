import type { Deployment, Resource, UsageRecord } from '../../../clients/typescript/ledgerline.ts';
import { monthOf } from './formats.ts';
import type { Correctable } from './prices.ts';

/** What a reading said. Without a quantity there was none. */
export function ofReading(record: UsageRecord): Correctable {
  const { deploymentId, provider, resourceId, billingKind, period, granularity, sourceId, quantity } = record;
  return {
    title: `${billingKind} of ${resourceId}`,
    amounts: [{ name: 'quantity', label: 'Quantity (empty: there was no such reading)', value: quantity }],
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

/** What the inventory says of a resource within a period. What a person gives is corrected, also if it is said now. */
export function ofResource(resource: Resource, within: { readonly from: string; readonly until: string }): Correctable {
  const { provider, providerId, name, status, sizeGb, deploymentId, tenantId } = resource;
  return {
    title: `resource ${name}`,
    amounts: [
      { name: 'status', label: 'Status', value: status },
      { name: 'sizeGb', label: 'Size in GB (empty: none)', value: sizeGb ?? '' },
      { name: 'deploymentId', label: 'Deployment (empty: none)', value: deploymentId ?? '' },
      { name: 'tenantId', label: 'Tenant, without a deployment (empty: none)', value: tenantId ?? '' },
    ],
    within,
    commandOf: ({ amounts, from, until, reason }) => ({
      ...{ command: 'correct-resource', provider, providerId, from, reason },
      ...(until === null ? {} : { until }),
      ...(amounts['status'] === undefined ? {} : { status: amounts['status'] }),
      ...(amounts['sizeGb'] === undefined ? {} : { sizeGb: textOrNull(amounts['sizeGb']) }),
      ...(amounts['deploymentId'] === undefined ? {} : { deploymentId: textOrNull(amounts['deploymentId']) }),
      ...(amounts['tenantId'] === undefined ? {} : { tenantId: textOrNull(amounts['tenantId']) }),
    }),
  };
}

/** The tenant that had a deployment, and since when. */
export function ofAssignment({ deploymentId, name, assignments }: Deployment): Correctable {
  const last = assignments.at(-1);
  const tenantId = last?.tenantId ?? '';
  return {
    title: `the tenant of ${name}`,
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
