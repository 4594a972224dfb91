import { applyCreditEvent, type Coupon, type Credit, type CreditEvent } from '#domain/invoices/credits';
import type { RecordedEvent } from '#domain/events';
import { changing, type Handler } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type CreditRow, credits } from './credits.table.js';

type CreditEvents = CreditEvent['type'];

export const toCredit = (row: CreditRow): Coupon | Credit => {
  const shared = {
    ...{ creditId: row.credit_id, from: row.effective_from, until: row.effective_until },
    ...{ isWithdrawn: row.is_withdrawn, isRevoked: row.is_revoked, billingKinds: row.billing_kinds },
  };
  if (row.kind === 'coupon') return { kind: 'coupon', ...shared, percent: row.percent ?? '0' };
  return {
    ...{ kind: 'credit', ...shared, amount: row.amount ?? '0', priority: row.priority, planIds: row.plan_ids },
    ...{ rollover: row.rollover, payment: row.payment },
  };
};

/** The rows after an event, by the same function that decided the event. */
function next(event: RecordedEvent<CreditEvents>, rows: readonly CreditRow[]): CreditRow[] {
  const { tenantId, currency } = event.data;
  const isGrant = event.type === 'CouponGranted' || event.type === 'CreditGranted';
  return applyCreditEvent(rows.map(toCredit), event).map((credit) => ({
    credit_id: credit.creditId,
    tenant_id: tenantId,
    currency,
    kind: credit.kind,
    percent: credit.kind === 'coupon' ? credit.percent : null,
    amount: credit.kind === 'credit' ? credit.amount : null,
    ...(credit.kind === 'credit'
      ? {
          ...{ priority: credit.priority, plan_ids: credit.planIds },
          ...{ rollover: credit.rollover, payment: credit.payment },
        }
      : { priority: 0, plan_ids: null, rollover: null, payment: null }),
    billing_kinds: credit.billingKinds,
    effective_from: credit.from,
    effective_until: credit.until,
    is_withdrawn: credit.isWithdrawn ?? false,
    is_revoked: credit.isRevoked ?? false,
    granted_position: isGrant ? event.position : (rows[0]?.granted_position ?? event.position),
    reason: isGrant ? (event.data.reason ?? null) : (rows[0]?.reason ?? null),
    revocation_reason: event.type === 'CreditRevoked' ? event.data.reason : null,
  }));
}

const keyOf = ({ data }: RecordedEvent<CreditEvents>): readonly string[] => [
  data.tenantId,
  data.currency,
  data.creditId,
];

const decided: Handler<CreditEvents> = changing(credits, keyOf, next);

export const creditsProjection = versionedProjection('credits', {
  version: 4,
  tables: [credits],
  on: {
    CouponGranted: decided,
    CreditGranted: decided,
    CreditRevoked: decided,
    GrantWithdrawn: decided,
    RevocationWithdrawn: decided,
  },
});
