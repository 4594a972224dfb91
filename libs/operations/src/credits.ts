import { z } from 'zod';
import { conflict } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { type CreditEvent, creditEvents, creditStream, creditUsed, grant, revoke } from '#domain/invoices/credits';
import { decimal, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import { bookedRows } from '#billing/invoices/billing';
import type { CommandCall, CommandDone } from '#ledger/command';
import { defineCommand } from '#ledger/define-command';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, visibleTenant, zOptionalId, zPage } from '#ledger/query';
import { listOf, zMoney, zOpenSpan, zQuantity } from './answers.js';
import { APRIL } from './story.js';
import { assertTenant } from './tenants.js';

const zGrant = z.strictObject({
  creditId: zId,
  tenantId: zId,
  currency: zCurrency,
  from: zInstant,
  until: zInstant.optional(),
  reason: zText.optional(),
});

export const grantCredit = defineCommand({
  name: 'grant-credit',
  summary: 'Grants a tenant an amount that its invoices take before they are paid',
  fields: zGrant.extend({ amount: zDecimal }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  example: { creditId: 'welcome', tenantId: 'acme', currency: 'USD', amount: '1.00', from: APRIL.start },
  async handle(call, core) {
    const { until = null, reason, ...data } = call.fields;
    const credit = { ...data, until, ...(reason === undefined ? {} : { reason }) };
    return decide(core, call, data, (events) => grant(events, { type: 'CreditGranted', data: credit }));
  },
});

export const grantCoupon = defineCommand({
  name: 'grant-coupon',
  summary: 'Grants a tenant a percentage off all or some billing kinds',
  fields: zGrant.extend({ percent: zDecimal, billingKinds: z.array(zId).min(1).optional() }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  example: {
    creditId: 'spring',
    tenantId: 'acme',
    currency: 'USD',
    percent: '50',
    from: '2026-07-01T00:00:00Z',
  },
  async handle(call, core) {
    const { until = null, reason, billingKinds, ...data } = call.fields;
    const coupon = {
      ...data,
      until,
      ...(reason === undefined ? {} : { reason }),
      ...(billingKinds === undefined ? {} : { billingKinds }),
    };
    return decide(core, call, data, (events) => grant(events, { type: 'CouponGranted', data: coupon }));
  },
});

export const revokeCredit = defineCommand({
  name: 'revoke-credit',
  summary: 'Revokes a credit or a coupon from an instant on',
  fields: z.strictObject({ creditId: zId, tenantId: zId, currency: zCurrency, at: zInstant, reason: zText.min(1) }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  example: {
    creditId: 'spring',
    tenantId: 'acme',
    currency: 'USD',
    at: '2026-07-02T00:00:00Z',
    reason: 'granted by mistake',
  },
  async handle(call, core) {
    return decide(core, call, call.fields, (events) => revoke(events, call.fields));
  },
});

const isCreditEvent = (event: RecordedEvent): event is Extract<RecordedEvent, CreditEvent> =>
  Object.hasOwn(creditEvents, event.type);

/** A tenant is billed in its own currency: a credit in another could never be taken. */
async function decide(
  core: LedgerCore,
  call: CommandCall,
  { tenantId, currency }: { tenantId: string; currency: string },
  decision: (events: readonly CreditEvent[]) => CreditEvent[],
): Promise<CommandDone> {
  const tenant = await core.book.load(tenantStream(tenantId));
  assertTenant(tenant, tenantId);
  const own = tenant.find((event) => event.type === 'TenantRegistered')?.data.currency;
  if (own !== currency)
    throw conflict('currency_mismatch', `tenant ${tenantId} is billed in ${own ?? 'no currency'}, not ${currency}`);
  return core.book.decide(creditStream(tenantId, currency), call, (events) => ({
    events: decision(events.filter(isCreditEvent)),
  }));
}

const zCredit = z
  .object({
    creditId: z.string(),
    tenantId: z.string(),
    currency: z.string(),
    kind: z.enum(['coupon', 'credit']),
    amount: zMoney.optional(),
    left: zMoney.optional(),
    percent: zQuantity.optional(),
    billingKinds: z.array(z.string()).nullable().optional().describe('null: of all'),
    taken: zMoney,
    period: zOpenSpan,
    reason: z.string().nullable(),
  })
  .meta({ id: 'Credit' });

export const credits = defineQuery({
  name: 'credits',
  summary: 'Coupons and credits, and what issued invoices have taken of each',
  path: 'credits',
  params: zPage.extend({ tenantId: zOptionalId }),
  roles: READERS,
  answer: listOf(zCredit),
  example: { tenantId: 'acme' },
  async handle({ tenantId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    let query = core.db.selectFrom('credits').selectAll().where(inForceAt(position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    const rows = await query.execute();
    const accounts = Map.groupBy(rows, (row) => JSON.stringify([row.tenant_id, row.currency]));
    const items = [];
    for (const [account, grants] of accounts) {
      const [owner, currency] = JSON.parse(account) as [string, string];
      const used = creditUsed([...(await bookedRows(core, position, owner, currency)).values()].flat());
      for (const row of grants) {
        const taken = used.get(row.credit_id) ?? ZERO;
        items.push({
          creditId: row.credit_id,
          tenantId: row.tenant_id,
          currency,
          kind: row.kind,
          ...(row.amount === null
            ? {}
            : {
                amount: moneyText(decimal(row.amount), currency),
                left: moneyText(decimal(row.amount).minus(taken), currency),
              }),
          ...(row.percent === null ? {} : { percent: row.percent, billingKinds: row.billing_kinds }),
          taken: moneyText(taken, currency),
          period: { start: row.effective_from, end: row.effective_until },
          reason: row.reason,
        });
      }
    }
    return pageOfAll(items, page, position, (item) => JSON.stringify([item.tenantId, item.currency, item.creditId]));
  },
});
