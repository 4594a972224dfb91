import { z } from 'zod';
import { creditUsed } from '#domain/invoices/credits';
import { decimal, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { bookedRows } from '#billing/invoices/billing';
import { inForceAt } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, visibleTenant, zOptionalId, zPage } from '#ledger/query';
import { listOf, zMoney, zOpenSpan, zQuantity } from './answers.js';

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
