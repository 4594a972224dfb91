import { z } from 'zod';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { inForceAt } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, READERS, visibleTenant, zOptionalId, zOptionalIds, zPage } from '#ledger/query';
import { listOf, zMoney, zQuantity, zTimestamp } from './answers.js';

const zTenant = z
  .object({
    tenantId: z.string(),
    name: z.string().nullable().describe('null: erased'),
    currency: z.string(),
    timeZone: z.string(),
    taxes: z.array(z.object({ name: z.string(), ratePercent: zQuantity, from: zTimestamp }).meta({ id: 'Tax' })),
    credits: z
      .array(z.object({ currency: z.string(), amount: zMoney }).meta({ id: 'TenantCredit' }))
      .describe('What invoices below zero have left to its credit'),
  })
  .meta({ id: 'Tenant' });

export const tenants = defineQuery({
  name: 'tenants',
  summary: 'Who is billed',
  path: 'tenants',
  params: zPage.extend({ tenantId: zOptionalId, tenantIds: zOptionalIds }),
  roles: READERS,
  answer: listOf(zTenant),
  example: { limit: 10 },
  async handle({ tenantId, tenantIds, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    let query = core.db.selectFrom('tenants').selectAll().where(inForceAt(position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    if (tenantIds !== undefined) query = query.where('tenant_id', 'in', tenantIds);
    const rows = await query.execute();
    const names = await core.details.names(rows.map(({ details_ref }) => details_ref));
    const taxes = await core.db
      .selectFrom('tenant_taxes')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('effective_from')
      .execute();
    const taxesOf = Map.groupBy(taxes, ({ tenant_id }) => tenant_id);
    const credits = await core.db
      .selectFrom('tenant_credits')
      .selectAll()
      .where(inForceAt(position))
      .orderBy('currency')
      .execute();
    const creditsOf = Map.groupBy(credits, ({ tenant_id }) => tenant_id);
    const items = rows.map((row) => ({
      tenantId: row.tenant_id,
      // null: the tenant's details were erased.
      name: names.get(row.details_ref) ?? null,
      currency: row.currency,
      timeZone: row.time_zone,
      taxes: (taxesOf.get(row.tenant_id) ?? []).map((tax) => ({
        name: tax.name,
        ratePercent: tax.rate_percent,
        from: tax.effective_from,
      })),
      credits: (creditsOf.get(row.tenant_id) ?? []).map(({ currency, credit }) => ({
        currency,
        amount: moneyText(decimal(credit), currency),
      })),
    }));
    return pageOfAll(items, page, position, (item) => item.tenantId);
  },
});
