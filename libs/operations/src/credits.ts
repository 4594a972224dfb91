import { z } from 'zod';
import { conflict } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import {
  type CreditEvent,
  creditEvents,
  type CreditKey,
  creditStream,
  grant,
  revoke,
  withdrawGrant,
  withdrawRevocation,
} from '#domain/invoices/credits';
import { balances } from '#domain/invoices/credit-draw';
import { documentNumber } from '#domain/invoices/invoice';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { currenciesOf, tenantStream } from '#domain/tenants/tenant';
import type { Instant } from '#domain/time/instant';
import type { CommandCall, CommandDone } from '#ledger/command';
import { withdraws } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { tenantOf } from '#ledger/tenant';
import {
  defineQuery,
  READERS,
  visibleTenant,
  zAt,
  zOptionalId,
  zPage,
  pageOfRows,
  type QueryContext,
} from '#ledger/query';
import { CREDIT_ORDER, readCreditPage } from '#projections/credits/credits.read';
import { toCredit } from '#projections/credits/credits.projection';
import type { CreditRow } from '#projections/credits/credits.table';
import { readCreditTakings } from '#projections/invoices/issued-rows.read';
import { listOf, zMoney, zOpenSpan, zQuantity, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';
import { keyOfAccountRow } from '#projections/invoices/invoices.read';

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
      const all = await readCreditTakings(core.db, position, [fields]);
      const takings = all.filter(({ credit_id: creditId }) => creditId === fields.creditId);
      const isTaken = sum(takings.map(({ amount }) => decimal(amount))).gt(ZERO);
      const takenBy = isTaken ? takings.map(({ ordinal }) => documentNumber('INV', ordinal)) : [];
      return withdrawGrant(events, fields, takenBy, correction);
    });
  },
});

const grantCredit = defineCommand({
  name: 'grant-credit',
  summary: 'Grants a tenant a credit that reduces its next invoices',
  fields: zGrant.extend({
    amount: zDecimal,
    priority: z.int().optional().describe('Credits of a lower priority are drawn first. Default: 0'),
    planIds: z.array(zId).min(1).optional().describe('It pays only charges of these plans'),
    billingKinds: z.array(zId).min(1).optional().describe('It pays only charges of these billing kinds'),
    rollover: z
      .strictObject({ percent: zDecimal, until: zInstant })
      .optional()
      .describe('Up to this part of the amount may still be used after `until`, up to this instant'),
    payment: z
      .strictObject({ reference: zText.min(1), at: zInstant })
      .optional()
      .describe('The payment that bought the credit (a top-up)'),
  }),
  key: ({ tenantId, currency, creditId }) => [tenantId, currency, creditId],
  mistakes: { correctedBy: ['withdraw', 'revoke-credit'] },
  withdrawal: ofGrant,
  example: { creditId: 'welcome', tenantId: 'acme', currency: 'USD', amount: '1.00', from: APRIL.start },
  async handle(call, core) {
    const { until = null, reason, priority, planIds, billingKinds, rollover, payment, ...data } = call.fields;
    const credit = {
      ...data,
      until,
      ...(reason === undefined ? {} : { reason }),
      ...(priority === undefined ? {} : { priority }),
      ...(planIds === undefined ? {} : { planIds }),
      ...(billingKinds === undefined ? {} : { billingKinds }),
      ...(rollover === undefined ? {} : { rollover }),
      ...(payment === undefined ? {} : { payment }),
    };
    return decide(core, call, data, (events) => grant(events, { type: 'CreditGranted', data: credit }));
  },
});

const grantCoupon = defineCommand({
  name: 'grant-coupon',
  summary: 'Grants a tenant a percentage discount on all or some billing kinds',
  fields: zGrant.extend({
    percent: zDecimal,
    billingKinds: z
      .array(zId)
      .min(1)
      .optional()
      .describe('Only for these billing kinds. Default: all but commitment, the true-ups of commitments'),
  }),
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

/** A credit in a currency that its tenant is not billed in could never be used. */
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
    left: zMoney.optional().describe('What no invoice has taken'),
    balance: zMoney
      .optional()
      .describe('What an invoice as of `at` may take: nothing before the start and after the end'),
    priority: z.int().optional().describe('Credits of a lower priority are drawn first'),
    planIds: z.array(z.string()).nullable().optional().describe('null: all'),
    rollover: z.object({ percent: zQuantity, until: zTimestamp }).meta({ id: 'Rollover' }).nullable().optional(),
    payment: z.object({ reference: z.string(), at: zTimestamp }).meta({ id: 'TopUp' }).nullable().optional(),
    percent: zQuantity.optional(),
    billingKinds: z.array(z.string()).nullable().describe('null: all. Of a coupon: all but commitment'),
    taken: zMoney,
    uses: z
      .array(z.object({ invoiceId: z.string(), number: z.string(), amount: zMoney }).meta({ id: 'CreditUse' }))
      .describe('What each live invoice took, in their order. Its rows name the credit'),
    period: zOpenSpan,
    reason: z.string().nullable(),
    revocationReason: z.string().nullable().describe('null: it was not revoked'),
  })
  .meta({ id: 'Credit' });

const credits = defineQuery({
  name: 'credits',
  summary: 'Coupons and credits with their balance, and the amounts that issued invoices have taken',
  path: 'credits',
  params: zPage.extend({ tenantId: zOptionalId, ...zAt }),
  roles: READERS,
  answer: listOf(zCredit),
  example: { tenantId: 'acme' },
  async handle({ tenantId, at, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    return pageOfRows({
      order: CREDIT_ORDER,
      page,
      position,
      read: async (rows) => readCreditPage(core.db, position, visible, rows),
      toItems: async (rows) => withUses(context, rows, at ?? context.caller.now),
    });
  },
});

/** The credits with their balance at an instant, and with the amounts that live invoices have taken. */
async function withUses({ core, position }: QueryContext, rows: readonly CreditRow[], at: Instant) {
  const accounts = [
    ...new Map(
      rows.map((row) => [keyOfAccountRow(row), { tenantId: row.tenant_id, currency: row.currency }] as const),
    ).values(),
  ];
  const taken = Map.groupBy(await readCreditTakings(core.db, position, accounts), (use) =>
    JSON.stringify([use.tenant_id, use.currency, use.credit_id]),
  );
  return rows.map((row) => {
    const { tenant_id: tenantId, currency, credit_id: creditId } = row;
    const money = (amount: Decimal): string => moneyText(amount, currency);
    const uses = taken.get(JSON.stringify([tenantId, currency, creditId])) ?? [];
    const total = sum(uses.map(({ amount }) => decimal(amount)));
    const drawn = uses.map(({ amount, as_of: asOf }) => ({ creditId, amount: decimal(amount), asOf }));
    const balance = balances([toCredit(row)], drawn, { asOf: at, currency }).get(creditId);
    return {
      creditId,
      tenantId,
      currency,
      kind: row.kind,
      ...(row.amount === null
        ? {}
        : {
            amount: money(decimal(row.amount)),
            left: money(decimal(row.amount).minus(total)),
            balance: money(balance ?? ZERO),
            ...{ priority: row.priority, planIds: row.plan_ids, rollover: row.rollover, payment: row.payment },
          }),
      ...(row.percent === null ? {} : { percent: row.percent }),
      billingKinds: row.billing_kinds,
      taken: money(total),
      uses: uses.map(({ invoice_id: invoiceId, ordinal, amount }) => ({
        ...{ invoiceId, number: documentNumber('INV', ordinal), amount: money(decimal(amount)) },
      })),
      period: { start: row.effective_from, end: row.effective_until },
      reason: row.reason,
      revocationReason: row.revocation_reason,
    };
  });
}

export const creditOperations: Operations = {
  commands: [grantCredit, grantCoupon, revokeCredit],
  queries: [credits],
};
