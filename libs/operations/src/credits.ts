import { z } from 'zod';
import { conflict } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import {
  type CreditEvent,
  creditEvents,
  type CreditKey,
  creditStream,
  creditUsed,
  grant,
  revoke,
  withdrawGrant,
  withdrawRevocation,
} from '#domain/invoices/credits';
import { documentNumber } from '#domain/invoices/invoice';
import { decimal, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { currenciesOf, tenantStream } from '#domain/tenants/tenant';
import type { CommandCall, CommandDone } from '#ledger/command';
import { withdraws } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { tenantOf } from '#ledger/tenant';
import { defineQuery, READERS, visibleTenant, zOptionalId, zPage, pageOfRows, type QueryContext } from '#ledger/query';
import { bookedRows } from '#billing/invoices/billing-facts';
import { CREDIT_ORDER, readCreditPage } from '#projections/credits/credits.read';
import type { CreditRow } from '#projections/credits/credits.table';
import { readInvoicesTaking } from '#projections/invoices/issued-rows.read';
import { listOf, zMoney, zOpenSpan, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';

const zGrant = z.strictObject({
  creditId: zId,
  tenantId: zId,
  currency: zCurrency,
  from: zInstant,
  until: zInstant.optional(),
  reason: zText.optional(),
});

const zCreditKey = z.strictObject({ creditId: zId, tenantId: zId, currency: zCurrency });

const ofGrant = defineWithdrawal({
  fields: zCreditKey,
  async handle(call, core, correction) {
    const { fields } = call;
    return corrected(core, call, fields, async (events) => {
      const position = await core.projector.catchUp();
      const ordinals = await readInvoicesTaking(core.db, position, fields);
      const takenBy = ordinals.map((ordinal) => documentNumber('INV', ordinal));
      return withdrawGrant(events, fields, takenBy, correction);
    });
  },
});

const grantCredit = defineCommand({
  name: 'grant-credit',
  summary: 'Grants a tenant a credit that reduces its next invoices',
  fields: zGrant.extend({ amount: zDecimal }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  mistakes: { correctedBy: ['withdraw', 'revoke-credit'] },
  withdrawal: ofGrant,
  example: { creditId: 'welcome', tenantId: 'acme', currency: 'USD', amount: '1.00', from: APRIL.start },
  async handle(call, core) {
    const { until = null, reason, ...data } = call.fields;
    const credit = { ...data, until, ...(reason === undefined ? {} : { reason }) };
    return decide(core, call, data, (events) => grant(events, { type: 'CreditGranted', data: credit }));
  },
});

const grantCoupon = defineCommand({
  name: 'grant-coupon',
  summary: 'Grants a tenant a percentage discount on all or some billing kinds',
  fields: zGrant.extend({ percent: zDecimal, billingKinds: z.array(zId).min(1).optional() }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  mistakes: { correctedBy: ['withdraw', 'revoke-credit'] },
  withdrawal: ofGrant,
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

const revokeCredit = defineCommand({
  name: 'revoke-credit',
  summary: 'Revokes a credit or a coupon from an instant on',
  fields: z.strictObject({ creditId: zId, tenantId: zId, currency: zCurrency, at: zInstant, reason: zText.min(1) }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: zCreditKey,
    async handle(call, core, correction) {
      return corrected(core, call, call.fields, (events) => withdrawRevocation(events, call.fields, correction));
    },
  }),
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

type RecordedCreditEvent = Extract<RecordedEvent, CreditEvent>;
const isCreditEvent = (event: RecordedEvent): event is RecordedCreditEvent => Object.hasOwn(creditEvents, event.type);

/** A tenant is billed in one currency, so a credit in another currency could never be used. */
async function decide(
  core: LedgerCore,
  call: CommandCall,
  { tenantId, currency }: { tenantId: string; currency: string },
  decision: (events: readonly RecordedCreditEvent[]) => CreditEvent[] | Promise<CreditEvent[]>,
): Promise<CommandDone> {
  const tenant = await core.book.load(tenantStream(tenantId));
  const currencies = currenciesOf(tenantOf(tenant, tenantId));
  if (!currencies.includes(currency))
    throw conflict(
      'currency_mismatch',
      `tenant ${tenantId} is billed in ${currencies.join(' and ')}, not ${currency}: add it with correct-tenant`,
    );
  return core.book.decide(
    creditStream(tenantId, currency),
    call,
    async (events) => ({ events: await decision(events.filter(isCreditEvent)) }),
    undoes,
  );
}

/** With its grant, the revocation of a credit never was either. */
const undoes = (later: RecordedEvent, earlier: RecordedEvent): boolean =>
  withdraws(later, earlier) ||
  (later.type === 'GrantWithdrawn' &&
    earlier.type === 'CreditRevoked' &&
    later.data.creditId === earlier.data.creditId);

/** Corrects a coupon or a credit, unless another command has overtaken this one. Errors: `overtaken`. */
async function corrected(
  core: LedgerCore,
  call: CommandCall,
  key: CreditKey,
  decision: (events: readonly CreditEvent[]) => CreditEvent[] | Promise<CreditEvent[]>,
): Promise<CommandDone> {
  const basis = await basisOf(core, call);
  return decide(core, call, key, async (events) => {
    assertNotOvertaken(call, basis, events, ({ type, data }) =>
      data.creditId === key.creditId ? `credit ${data.creditId} changed (${type})` : null,
    );
    return decision(events);
  });
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
    billingKinds: z.array(z.string()).nullable().optional().describe('null: all'),
    taken: zMoney,
    period: zOpenSpan,
    reason: z.string().nullable(),
  })
  .meta({ id: 'Credit' });

const credits = defineQuery({
  name: 'credits',
  summary: 'Coupons and credits, with the amounts that issued invoices have taken',
  path: 'credits',
  params: zPage.extend({ tenantId: zOptionalId }),
  roles: READERS,
  answer: listOf(zCredit),
  example: { tenantId: 'acme' },
  async handle({ tenantId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    return pageOfRows({
      order: CREDIT_ORDER,
      page,
      position,
      read: async (rows) => readCreditPage(core.db, position, visible, rows),
      toItems: async (rows) => withTaken(context, rows),
    });
  },
});

const keyOf = (row: Pick<CreditRow, 'tenant_id' | 'currency'>): string => JSON.stringify([row.tenant_id, row.currency]);

/** The credits with the amounts that issued invoices have taken. */
async function withTaken({ core, position }: QueryContext, rows: readonly CreditRow[]) {
  const accounts = new Map(
    rows.map((row) => [keyOf(row), { tenantId: row.tenant_id, currency: row.currency }] as const),
  );
  const booked = await bookedRows(core, position, [...accounts.values()]);
  const used = new Map([...accounts].map(([key, account]) => [key, creditUsed(booked(account))]));
  return rows.map((row) => {
    const { currency } = row;
    const taken = used.get(keyOf(row))?.get(row.credit_id) ?? ZERO;
    return {
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
    };
  });
}

export const creditOperations: Operations = {
  commands: [grantCredit, grantCoupon, revokeCredit],
  queries: [credits],
};
