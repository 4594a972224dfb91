import { z } from 'zod';
import { conflict, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { assertNotRegistered, isTimeZone, type TaxRate, tenantStream } from '#domain/tenants/tenant';
import { conflictingBody } from '#ledger/appending/event-book';
import { defineCommand } from '#ledger/define-command';
import {
  defineQuery,
  READERS,
  visibleTenant,
  zOptionalId,
  zOptionalIds,
  zPage,
  idSets,
  pageOfRows,
  type QueryContext,
} from '#ledger/query';
import { readTenantCredits } from '#projections/invoices/invoices.read';
import { readTenantPage, readTenantTaxes, TENANT_ORDER } from '#projections/tenants/tenants.read';
import type { TenantRow } from '#projections/tenants/tenants.table';
import { listOf, zMoney, zQuantity, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';

const zPercent = zDecimal.refine(
  (value) => !value.startsWith('-') && decimal(value).lte(decimal('100')),
  'must be from 0 to 100',
);
const zTax = z.strictObject({ name: zText, ratePercent: zPercent, from: zInstant });

/** At most 31 days: no month is longer. */
const MAX_GRACE_HOURS = 31 * 24;

const registerTenant = defineCommand({
  name: 'register-tenant',
  summary: 'Registers a tenant with its currency and time zone',
  fields: z.strictObject({
    tenantId: zId,
    name: zText,
    currency: zCurrency,
    timeZone: z.string().refine(isTimeZone, 'is not a time zone such as "Europe/Berlin"').default('UTC'),
    tax: zTax.optional(),
  }),
  key: ({ tenantId }) => [tenantId],
  personal: {
    fields: ['name'],
    // If the name was erased, it can't be compared. The other fields then decide.
    async assertSame(call, core) {
      const { tenantId, name } = call.fields;
      const registered = (await core.book.load(tenantStream(tenantId))).find(
        (event) => event.type === 'TenantRegistered',
      );
      const ref = registered?.data.detailsRef ?? '';
      const kept = registered === undefined ? undefined : (await core.details.names([ref])).get(ref);
      if (kept !== undefined && kept !== name) throw conflictingBody(call);
    },
  },
  example: {
    tenantId: 'acme',
    name: 'Acme',
    currency: 'USD',
    timeZone: 'UTC',
    tax: { name: 'VAT', ratePercent: '10', from: APRIL.start },
  },
  async handle(call, core) {
    const { tenantId, name, currency, timeZone, tax } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, async (events) => {
      assertNotRegistered(events.length > 0, tenantId);
      const details = await core.details.keep(tenantId, name);
      const registered: LedgerEvent = { type: 'TenantRegistered', data: { tenantId, currency, timeZone, ...details } };
      return {
        events: tax === undefined ? [registered] : [registered, { type: 'TenantTaxSet', data: { tenantId, ...tax } }],
      };
    });
  },
});

const setTax = defineCommand({
  name: 'set-tax',
  summary: 'Sets the tax of a tenant from an instant on',
  fields: zTax.extend({ tenantId: zId }),
  key: ({ tenantId, from }) => [tenantId, from],
  example: { tenantId: 'acme', name: 'VAT', ratePercent: '20', from: '2026-07-01T00:00:00Z' },
  async handle(call, core) {
    const { tenantId, name, ratePercent, from } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, (events) => {
      assertTenant(events, tenantId);
      const same = taxesOf(events).find((tax) => tax.from === from);
      if (same !== undefined && same.name === name && same.ratePercent === ratePercent) return { events: [] };
      if (same !== undefined)
        throw conflict(
          'tax_exists',
          `tenant ${tenantId} already has ${same.name} of ${same.ratePercent} % from ${from}`,
        );
      return { events: [{ type: 'TenantTaxSet', data: { tenantId, name, ratePercent, from } }] };
    });
  },
});

const setGracePeriod = defineCommand({
  name: 'set-grace-period',
  summary: 'Sets the grace period of a tenant: hours between the end of a period and its billing',
  fields: z.strictObject({ tenantId: zId, hours: z.int().min(0).max(MAX_GRACE_HOURS), from: zInstant }),
  key: ({ tenantId, from }) => [tenantId, from],
  example: { tenantId: 'acme', hours: 6, from: '2026-07-01T00:00:00Z' },
  async handle(call, core) {
    const { tenantId } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, (events) => {
      assertTenant(events, tenantId);
      return { events: [{ type: 'TenantGracePeriodSet', data: call.fields }] };
    });
  },
});

const zTenant = z
  .object({
    tenantId: z.string(),
    name: z.string().nullable().describe('null: erased'),
    currency: z.string(),
    timeZone: z.string(),
    taxes: z.array(z.object({ name: z.string(), ratePercent: zQuantity, from: zTimestamp }).meta({ id: 'Tax' })),
    credits: z
      .array(z.object({ currency: z.string(), amount: zMoney }).meta({ id: 'TenantCredit' }))
      .describe('Credit from invoices below zero'),
  })
  .meta({ id: 'Tenant' });

export const tenants = defineQuery({
  name: 'tenants',
  summary: 'Tenants, with their taxes and credits',
  path: 'tenants',
  params: zPage.extend({ tenantId: zOptionalId, tenantIds: zOptionalIds }),
  roles: READERS,
  answer: listOf(zTenant),
  example: { limit: 10 },
  async handle({ tenantId, tenantIds, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    return pageOfRows({
      order: TENANT_ORDER,
      page,
      position,
      read: async (rows) => readTenantPage(core.db, position, idSets(visible, tenantIds), rows),
      toItems: async (rows) => withDetails(context, rows),
    });
  },
});

const taxesOf = (events: readonly RecordedEvent[]): TaxRate[] =>
  events.flatMap((event) => (event.type === 'TenantTaxSet' ? [event.data] : []));

/** Errors: `unknown_tenant`. */
export function assertTenant(events: readonly RecordedEvent[], tenantId: string): void {
  if (events.length === 0) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
}

async function withDetails({ core, position }: QueryContext, rows: readonly TenantRow[]) {
  const names = await core.details.names(rows.map(({ details_ref }) => details_ref));
  const ids = rows.map(({ tenant_id }) => tenant_id);
  const taxes = Map.groupBy(await readTenantTaxes(core.db, position, ids), ({ tenant_id }) => tenant_id);
  const credits = Map.groupBy(await readTenantCredits(core.db, position, ids), ({ tenant_id }) => tenant_id);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    // null: the details of the tenant were erased.
    name: names.get(row.details_ref) ?? null,
    currency: row.currency,
    timeZone: row.time_zone,
    taxes: (taxes.get(row.tenant_id) ?? []).map((tax) => ({
      name: tax.name,
      ratePercent: tax.rate_percent,
      from: tax.effective_from,
    })),
    credits: (credits.get(row.tenant_id) ?? []).map(({ currency, credit }) => ({
      currency,
      amount: moneyText(decimal(credit), currency),
    })),
  }));
}

export const tenantOperations: Operations = {
  commands: [registerTenant, setTax, setGracePeriod],
  queries: [tenants],
};
