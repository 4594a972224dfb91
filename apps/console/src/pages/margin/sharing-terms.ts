import type {
  CostSharing,
  CostSharingPreviewQuestion,
  SetCostSharing,
} from '../../../../../clients/typescript/ledgerline.ts';
import type { Method } from './methods.ts';

/** What is typed into the form of a policy. */
export interface Typed {
  readonly policyId: string;
  readonly provider: string;
  readonly kind: string;
  readonly tagKey: string;
  readonly tagValue: string;
  readonly unattributed: boolean;
  readonly method: Method;
  readonly billingKind: string;
  readonly capacity: string;
  readonly weights: readonly Weight[];
  readonly from: string;
  /** Empty: open. */
  readonly until: string;
}

export interface Weight {
  readonly tenantId: string;
  readonly percent: string;
}

/** The terms of a policy, or those that a new one begins with. */
export function typedOf(of: CostSharing | null, month: string): Typed {
  return {
    policyId: of?.policyId ?? '',
    provider: of?.costs.provider ?? '',
    kind: of?.costs.kind ?? '',
    tagKey: of?.costs.tag?.key ?? '',
    tagValue: of?.costs.tag?.value ?? '',
    unattributed: of === null ? true : of.costs.unattributed === true,
    method: of?.method ?? 'direct_cost',
    billingKind: of?.billingKind ?? '',
    capacity: of?.capacity ?? '',
    weights: of?.weights ?? [{ tenantId: '', percent: '' }],
    from: of?.effectiveFrom ?? `${month}-01T00:00:00Z`,
    until: of?.effectiveUntil ?? '',
  };
}

/** A policy as the API takes it. Fields that the method does not need are left out. */
export function termsOf(typed: Typed): Omit<SetCostSharing, 'command'> & CostSharingPreviewQuestion {
  const { policyId, provider, kind, tagKey, tagValue, unattributed, method, from, until } = typed;
  const { billingKind, capacity, weights } = typed;
  return {
    policyId: policyId.trim(),
    costs: {
      ...(provider.trim() === '' ? {} : { provider: provider.trim() }),
      ...(kind.trim() === '' ? {} : { kind: kind.trim() }),
      ...(tagKey.trim() === '' ? {} : { tag: { key: tagKey.trim(), value: tagValue.trim() } }),
      ...(unattributed ? { unattributed: true as const } : {}),
    },
    method,
    ...(method === 'usage' ? { billingKind: billingKind.trim() } : {}),
    ...(method === 'usage' && capacity.trim() !== '' ? { capacity: capacity.trim() } : {}),
    ...(method === 'weights'
      ? { weights: weights.map(({ tenantId, percent }) => ({ tenantId, percent: percent.trim() })) }
      : {}),
    effectiveFrom: from.trim(),
    ...(until.trim() === '' ? {} : { effectiveUntil: until.trim() }),
  };
}
