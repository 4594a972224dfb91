import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import type { Correction } from '#domain/correction';
import { conflict, type DomainError, invalid, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { zBuyer, zBuyerShown } from '#domain/invoices/parties';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import {
  assertNotRegistered,
  correctTenant as decideTenant,
  foldTenant,
  foldTenantWithout,
  isTimeZone,
  nameOfTax,
  type StatedTax,
  type Tenant,
  type TenantEvent,
  tenantStream,
  withTaxOver,
} from '#domain/tenants/tenant';
import type { Instant } from '#domain/time/instant';
import { conflictingBody } from '#ledger/appending/event-book';
import { neverWith } from '#ledger/appending/withdrawals';
import { type CommandCall, type CommandDone } from '#ledger/command';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { statedOver } from '#ledger/stated';
import { isTenantEvent, tenantOf } from '#ledger/tenant';
import { corrected } from '#ledger/overtaken';
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
import { readGracePeriods, readTenantPage, readTenantTaxes, TENANT_ORDER } from '#projections/tenants/tenants.read';
import type { TenantRow } from '#projections/tenants/tenants.table';
import type { Details } from '#ledger/tenant-details';
import { correctedDetails, detailsOf } from './corrected-details.js';
import { listOf, zMoney, zQuantity, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL, BUYER } from './story.js';

const zPercent = zDecimal.refine(
  (value) => !value.startsWith('-') && decimal(value).lte(decimal('100')),
  'must be from 0 to 100',
);
const zTax = z.strictObject({ name: zText, ratePercent: zPercent, from: zInstant });

/** At most 31 days: no month is longer. */
const MAX_GRACE_HOURS = 31 * 24;
const MAX_PAYMENT_TERMS_DAYS = 365;

const zTimeZone = z.string().refine(isTimeZone, 'is not a time zone such as "Europe/Berlin"');
const zCurrencies = z
  .array(zCurrency)
  .describe('Further currencies that the tenant is billed in: each subscription is billed in that of its plan');
const zPaymentTermsDays = z.int().min(0).max(MAX_PAYMENT_TERMS_DAYS);
const PAYMENT_TERMS = 'Days from the issue of an invoice until it is due';

const DETAILS = ['name', 'address', 'taxNumber', 'email', 'eInvoice'] as const;
const E_INVOICE = 'What electronic invoices (EN 16931) need of the tenant';
const FIXED = {
  currency: "can't be corrected: use correct-tenant to add one to its currencies, or register another tenant",
};

const registerTenant = defineCommand({
  name: 'register-tenant',
  summary: 'Registers a tenant with its currency and time zone',
  fields: z.strictObject({
    tenantId: zId,
    name: zText,
    currency: zCurrency,
    currencies: zCurrencies.optional(),
    timeZone: zTimeZone.default('UTC'),
    tax: zTax.optional(),
    address: zText.optional(),
    taxNumber: zText.optional(),
    email: zText.optional(),
    eInvoice: zBuyer.optional().describe(E_INVOICE),
    paymentTermsDays: zPaymentTermsDays.optional().describe(PAYMENT_TERMS),
  }),
  key: ({ tenantId }) => [tenantId],
  personal: {
    fields: DETAILS,
    // Details that were erased can't be compared. The other fields then decide.
    async assertSame(call, core) {
      const { tenantId, name, address, taxNumber, email, eInvoice } = call.fields;
      const registered = (await core.book.load(tenantStream(tenantId))).find(
        (event) => event.type === 'TenantRegistered',
      );
      const kept = registered === undefined ? undefined : await detailsOf(core, registered.data);
      if (kept === undefined) return;
      const given: Details = { name, address, taxNumber, email, eInvoice };
      const fields = DETAILS.filter((field) => canonicalJson([kept[field]]) !== canonicalJson([given[field]]));
      if (fields.length > 0) throw conflictingBody(call, fields);
    },
  },
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-tenant', 'correct-tax'] },
  stated({ tax }, events) {
    const tenant = foldTenant(events.filter(isTenantEvent));
    if (tenant === null) return null;
    const { taxes: _, gracePeriods: _periods, ...registered } = tenant;
    return [registered, tax === undefined ? [] : statedTax(tax.from, events)];
  },
  fixed: FIXED,
  example: {
    tenantId: 'acme',
    name: 'Acme',
    currency: 'USD',
    timeZone: 'UTC',
    tax: { name: 'VAT', ratePercent: '10', from: APRIL.start },
    eInvoice: BUYER,
  },
  async handle(call, core) {
    const { tenantId, currency, currencies, timeZone, tax, paymentTermsDays, ...details } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, async (events) => {
      assertNotRegistered(events.length > 0, tenantId);
      const kept = await core.details.keep(tenantId, details);
      const terms = {
        ...(currencies === undefined ? {} : { currencies }),
        ...(paymentTermsDays === undefined ? {} : { paymentTermsDays }),
      };
      const registered: LedgerEvent = {
        type: 'TenantRegistered',
        data: { tenantId, currency, timeZone, ...kept, ...terms },
      };
      return {
        events: tax === undefined ? [registered] : [registered, { type: 'TenantTaxSet', data: { tenantId, ...tax } }],
      };
    });
  },
});

function statedTax(from: Instant, events: readonly RecordedEvent[]): string[] {
  const history = events.filter(isTenantEvent);
  const facts = history.flatMap(({ type, data }) => (type === 'TenantTaxSet' ? [data.from] : []));
  return statedOver(foldTenant(history)?.taxes ?? [], from, facts);
}

const setTax = defineCommand({
  name: 'set-tax',
  summary: 'Sets the tax of a tenant from an instant on',
  fields: zTax.extend({ tenantId: zId }),
  key: ({ tenantId, from }) => [tenantId, from],
  mistakes: { correctedBy: ['correct-tax', 'withdraw'] },
  stated: ({ from }, events) => statedTax(from, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ tenantId: zId, from: zInstant }),
    async handle(call, core, correction) {
      const { tenantId, from } = call.fields;
      return withdrawnOfTenant(core, call, tenantId, correction, ({ taxes }) =>
        notFound(
          'unknown_tax',
          `tenant ${tenantId} has no tax that was set from ${from}` +
            (taxes.some((tax) => tax.from === from) ? ': the one from then on was corrected. Use correct-tax' : ''),
        ),
      );
    },
  }),
  example: { tenantId: 'acme', name: 'VAT', ratePercent: '20', from: '2026-07-01T00:00:00Z' },
  async handle(call, core) {
    const { tenantId, name, ratePercent, from } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, (events) => {
      const same = tenantOf(events, tenantId).taxes.find((tax) => tax.from === from);
      if (same !== undefined && same.name === name && same.ratePercent === ratePercent) return { events: [] };
      if (same !== undefined)
        throw conflict(
          'tax_exists',
          `tenant ${tenantId} already has ${same.name} of ${same.ratePercent} % from ${from}: use correct-tax`,
        );
      return { events: [{ type: 'TenantTaxSet', data: { tenantId, name, ratePercent, from } }] };
    });
  },
});

const correctTax = defineCommand({
  name: 'correct-tax',
  summary: 'Corrects the tax rate of a tenant for a period',
  fields: z.strictObject({
    tenantId: zId,
    name: zText.optional(),
    ratePercent: zPercent,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-tax'] },
  example: {
    tenantId: 'acme',
    ratePercent: '19',
    effectiveFrom: APRIL.start,
    effectiveUntil: APRIL.end,
    reason: 'a typo in the tax rate',
  },
  async handle(call, core) {
    const {
      tenantId,
      name = null,
      ratePercent,
      effectiveFrom: from,
      effectiveUntil: until = null,
      reason,
    } = call.fields;
    const taxOf = (tenant: Tenant): StatedTax => ({ name: name ?? nameOfTax(tenant, from), ratePercent, from, until });
    return correctedTenant(core, call, tenantId, { reason }, (tenant) => withTaxOver(tenant, taxOf(tenant)), taxOf);
  },
});

const correctTenant = defineCommand({
  name: 'correct-tenant',
  summary: 'Corrects the name, the time zone, the details or the payment terms of a tenant',
  fields: z.strictObject({
    tenantId: zId,
    name: zText.optional(),
    timeZone: zTimeZone.optional(),
    currencies: zCurrencies.optional(),
    address: zText.nullable().optional().describe('null takes it away'),
    taxNumber: zText.nullable().optional().describe('null takes it away'),
    email: zText.nullable().optional().describe('null takes it away'),
    eInvoice: zBuyer.nullable().optional().describe(`${E_INVOICE}. Replaces all of it. null takes it away`),
    paymentTermsDays: zPaymentTermsDays.nullable().optional().describe(`${PAYMENT_TERMS}. null takes them away`),
    reason: zText.min(1),
  }),
  key: 'none',
  personal: {
    fields: DETAILS,
    // Whether they are the same is decided with the details that are kept.
    assertSame: async () => undefined,
  },
  mistakes: { correctedBy: ['correct-tenant'] },
  fixed: FIXED,
  example: { tenantId: 'acme', timeZone: 'UTC', paymentTermsDays: 14, reason: 'as agreed' },
  async handle(call, core) {
    const { tenantId, reason, ...changes } = call.fields;
    if (Object.values(changes).every((value) => value === undefined))
      throw invalid(
        'nothing_to_correct',
        'correct-tenant: give at least one of name, timeZone, currencies, address, taxNumber, email, eInvoice, ' +
          'paymentTermsDays',
      );
    const { timeZone, currencies, paymentTermsDays, ...details } = changes;
    return correctedTenant(core, call, tenantId, { reason }, async (tenant) => ({
      ...tenant,
      timeZone: timeZone ?? tenant.timeZone,
      currencies: currencies ?? tenant.currencies,
      ...(await correctedDetails(core, tenant, details)),
      paymentTermsDays: paymentTermsDays === undefined ? tenant.paymentTermsDays : paymentTermsDays,
    }));
  },
});

const setGracePeriod = defineCommand({
  name: 'set-grace-period',
  summary: 'Sets the grace period of a tenant: hours between the end of a period and its billing',
  fields: z.strictObject({ tenantId: zId, hours: z.int().min(0).max(MAX_GRACE_HOURS), from: zInstant }),
  key: ({ tenantId, from }) => [tenantId, from],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ tenantId: zId, from: zInstant }),
    async handle(call, core, correction) {
      const { tenantId, from } = call.fields;
      return withdrawnOfTenant(core, call, tenantId, correction, () =>
        notFound('unknown_grace_period', `tenant ${tenantId} has no grace period that was set from ${from}`),
      );
    },
  }),
  example: { tenantId: 'acme', hours: 6, from: '2026-07-01T00:00:00Z' },
  async handle(call, core) {
    const { tenantId } = call.fields;
    return core.book.decide(tenantStream(tenantId), call, (events) => {
      tenantOf(events, tenantId);
      return { events: [{ type: 'TenantGracePeriodSet', data: call.fields }] };
    });
  },
});

/** Corrects a tenant, unless another correction has overtaken this one. Errors: `unknown_tenant`, `overtaken`. */
const correctedTenant = async (
  core: LedgerCore,
  call: CommandCall,
  tenantId: string,
  correction: Correction,
  change: (tenant: Tenant) => Tenant | Promise<Tenant>,
  statedTax: (tenant: Tenant) => StatedTax | null = () => null,
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: tenantStream(tenantId), isOf: isTenantEvent, saidOf },
    async decide(events) {
      const before = tenantOf(events, tenantId);
      return decideTenant(before, await change(before), correction, statedTax(before));
    },
  });

/** Withdraws a fact of a tenant. `unknown`: refuses one that is not recorded. Errors: `unknown_tenant`, `overtaken`. */
const withdrawnOfTenant = async (
  core: LedgerCore,
  call: CommandCall,
  tenantId: string,
  correction: Correction,
  unknown: (tenant: Tenant) => DomainError,
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: tenantStream(tenantId), isOf: isTenantEvent, saidOf },
    decide(events) {
      const before = tenantOf(events, tenantId);
      const history = events.filter(isTenantEvent);
      const never = neverWith(history, correction.withdrawn);
      const after = never === null ? null : foldTenantWithout(history, never);
      if (after === null) throw unknown(before);
      return decideTenant(before, after, correction);
    },
  });

const saidOf = ({ type, data }: TenantEvent): string =>
  type === 'TenantCorrected'
    ? `tenant ${data.tenantId} was corrected: ${data.reason}`
    : `tenant ${data.tenantId} changed (${type})`;

const zTenant = z
  .object({
    tenantId: z.string(),
    name: z.string().nullable().describe('null: erased'),
    currency: z.string(),
    currencies: z.array(z.string()).describe('Further currencies that it is billed in'),
    timeZone: z.string(),
    address: z.string().nullable(),
    taxNumber: z.string().nullable(),
    email: z.string().nullable(),
    eInvoice: zBuyerShown.nullable(),
    paymentTermsDays: z.int().nullable(),
    gracePeriods: z.array(z.object({ hours: z.int(), from: zTimestamp }).meta({ id: 'GracePeriod' })),
    taxes: z.array(z.object({ name: z.string(), ratePercent: zQuantity, from: zTimestamp }).meta({ id: 'Tax' })),
    credits: z
      .array(z.object({ currency: z.string(), amount: zMoney }).meta({ id: 'TenantCredit' }))
      .describe('Credit from invoices below zero'),
  })
  .meta({ id: 'Tenant' });

const ANY_CASE = 'The case of the letters from a to z does not matter';

export const tenants = defineQuery({
  name: 'tenants',
  summary: 'Tenants, with their taxes and credits',
  path: 'tenants',
  params: zPage.extend({
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
    name: zText.optional().describe(`The whole name. ${ANY_CASE}`),
    search: zText.min(1).optional().describe(`A part of the name or of the id. ${ANY_CASE}`),
  }),
  roles: READERS,
  answer: listOf(zTenant),
  example: { limit: 10 },
  async handle({ tenantId, tenantIds, name, search, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    const found = [
      ...(name === undefined ? [] : [{ details: await core.details.named(name) }]),
      ...(search === undefined ? [] : [{ details: await core.details.containing(search), inId: search }]),
    ];
    return pageOfRows({
      order: TENANT_ORDER,
      page,
      position,
      read: async (rows) => readTenantPage(core.db, position, idSets(visible, tenantIds), rows, found),
      toItems: async (rows) => withDetails(context, rows),
    });
  },
});

async function withDetails({ core, position }: QueryContext, rows: readonly TenantRow[]) {
  const details = await core.details.read(rows.map(({ details_ref }) => details_ref));
  const ids = rows.map(({ tenant_id }) => tenant_id);
  const taxes = Map.groupBy(await readTenantTaxes(core.db, position, ids), ({ tenant_id }) => tenant_id);
  const grace = Map.groupBy(await readGracePeriods(core.db, position, ids), ({ tenant_id }) => tenant_id);
  const credits = Map.groupBy(await readTenantCredits(core.db, position, ids), ({ tenant_id }) => tenant_id);
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    // null: the details of the tenant were erased.
    name: details.get(row.details_ref)?.name ?? null,
    currency: row.currency,
    currencies: row.currencies,
    timeZone: row.time_zone,
    address: details.get(row.details_ref)?.address ?? null,
    taxNumber: details.get(row.details_ref)?.taxNumber ?? null,
    email: details.get(row.details_ref)?.email ?? null,
    eInvoice: details.get(row.details_ref)?.eInvoice ?? null,
    paymentTermsDays: row.payment_terms_days,
    gracePeriods: (grace.get(row.tenant_id) ?? []).map(({ hours, effective_from: from }) => ({ hours, from })),
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
  commands: [registerTenant, setTax, correctTax, setGracePeriod, correctTenant],
  queries: [tenants],
};
