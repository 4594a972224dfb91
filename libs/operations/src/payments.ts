import { z } from 'zod';
import { conflict } from '#domain/errors';
import type { EventData, RecordedEvent } from '#domain/events';
import { assertPayable, assertPaymentWithdrawable, billingStream, documentNumber } from '#domain/invoices/invoice';
import {
  applyPayment as decideApplication,
  assertIssuedBy,
  assertNotPaidByPayments,
  type Billed,
  recordPayment as decidePayment,
  recordRefund as decideRefund,
  withdrawApplication,
  withdrawPayment,
  withdrawRefund,
} from '#domain/invoices/payments';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { currenciesOf, tenantStream } from '#domain/tenants/tenant';
import { billedOf, isBillingEvent } from '#billing/invoices/invoice-events';
import { Invoicing } from '#billing/invoices/invoicing';
import { conflictingBody } from '#ledger/appending/event-book';
import type { CommandCall, CommandDone } from '#ledger/command';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { defineQuery, pageOfRows, READERS, visibleTenant, zOptionalId, zPage } from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { PAYMENT_ORDER, readApplications, readPaymentPage } from '#projections/payments/payments.read';
import type { PaymentRow } from '#projections/payments/payments.table';
import { listOf, zMoney, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { invoiceIdsOf } from './invoice-numbers.js';
import { zOnInvoice } from './invoices.js';
import { INVOICE } from './story.js';

const zPaymentKey = z.strictObject({ tenantId: zId, currency: zCurrency, paymentId: zId });
const zApplicationKey = zPaymentKey.extend({ applicationId: zId });
const zRefundKey = z.strictObject({ tenantId: zId, currency: zCurrency, refundId: zId });
type AccountKey = Pick<z.output<typeof zPaymentKey>, 'tenantId' | 'currency'> & {
  readonly paymentId?: string | undefined;
  readonly refundId?: string | undefined;
};

const PAID = '2026-05-05T00:00:00Z';
const invoiceIds = z.array(zId).optional();
const OPEN_ONES =
  'Default: all that are open, were issued by then and are addressed to whoever sent the payment, oldest first';

type Referring = Pick<EventData<'PaymentRecorded'>, 'reference' | 'referenceRef' | 'referenceHash'>;

/**
 * What is recorded with a reference. What the bank says may name persons: it is kept outside the log, as the details of
 * tenants are, and only once the command is not refused.
 */
export async function referring<Events>(
  core: LedgerCore,
  { tenantId, reference }: Pick<Referred, 'tenantId' | 'reference'>,
  decided: (of: Referring) => Events,
): Promise<Events> {
  const events = decided({});
  if (reference === undefined) return events;
  const { ref, hash } = await core.texts.keep(tenantId, reference);
  return decided({ referenceRef: ref, referenceHash: hash });
}

interface Referred {
  readonly tenantId: string;
  readonly currency: string;
  readonly reference?: string | undefined;
}

/** Compares with what was recorded last. What was erased can't be compared. Errors: `conflicting_body`. */
export async function assertSameReference(
  call: Pick<CommandCall, 'name'>,
  core: LedgerCore,
  { tenantId, currency, reference }: Referred,
  recorded: (event: RecordedEvent) => Referring | null,
): Promise<void> {
  const events = await core.book.load(billingStream(tenantId, currency));
  const known = events.map(recorded).findLast((each) => each !== null);
  if (known === undefined) return;
  const ref = known.referenceRef;
  const kept = ref === undefined ? known.reference : (await core.texts.read([ref])).get(ref);
  if (ref !== undefined && kept === undefined) return;
  if (kept !== reference) throw conflictingBody(call, ['reference']);
}

const recordPayment = defineCommand({
  name: 'record-payment',
  summary: 'Records a payment of a tenant. It pays open invoices; the rest stays on the payment',
  fields: zPaymentKey.extend({
    amount: zDecimal,
    at: zInstant,
    payerId: zId.optional().describe('Who sent it: the tenant itself, or one that pays for it. Default: not stated'),
    reference: zText.optional().describe('What the bank says of it; erasable'),
    invoiceIds: invoiceIds.describe(`The invoices that it pays, in this order. ${OPEN_ONES}`),
  }),
  key: ({ tenantId, currency, paymentId }) => [tenantId, currency, paymentId],
  personal: {
    fields: ['reference'],
    assertSame: async (call, core) =>
      assertSameReference(call, core, call.fields, ({ type, data }) =>
        type === 'PaymentRecorded' && data.paymentId === call.fields.paymentId ? data : null,
      ),
  },
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: zPaymentKey,
    handle: async (call, core, correction) =>
      corrected(core, call, call.fields, (billed) => withdrawPayment(billed, call.fields.paymentId, correction)),
  }),
  example: {
    tenantId: 'acme',
    currency: 'USD',
    paymentId: 'bank-2026-05-05-1',
    amount: '0.50',
    at: PAID,
    invoiceIds: [],
  },
  async handle(call, core) {
    const { invoiceIds: named, reference: _, ...payment } = call.fields;
    const { tenantId, payerId } = payment;
    if (payerId !== undefined && payerId !== tenantId) tenantOf(await core.book.load(tenantStream(payerId)), payerId);
    const ids = await invoiceIdsOf(core, named);
    const decision: Decide = async (billed) =>
      referring(core, call.fields, (of) => decidePayment(billed, { ...payment, ...of }, ids));
    return decide(core, call, payment, decision, ids === undefined ? { resultOf: paysNothing } : {});
  },
});

/** Says that no open invoice is addressed to whoever sent a payment: the sender may be mistaken. */
function paysNothing(events: Decided): { readonly notice: string } | undefined {
  const [recorded] = events;
  if (recorded?.type !== 'PaymentRecorded') return undefined;
  const { payerId, tenantId, paymentId, applied } = recorded.data;
  if (payerId === undefined || applied.length > 0) return undefined;
  return {
    notice:
      `Payment ${paymentId} pays nothing: no open invoice of tenant ${tenantId} that was issued by then is addressed` +
      ` to ${payerId}. Use apply-payment with invoiceIds, or withdraw it and record it with another payerId.`,
  };
}

const applyPayment = defineCommand({
  name: 'apply-payment',
  summary: 'Pays invoices with what is left of a payment',
  fields: zApplicationKey.extend({
    at: zInstant,
    invoiceIds: invoiceIds.describe(`The invoices to pay, in this order. ${OPEN_ONES}`),
  }),
  key: ({ tenantId, currency, paymentId, applicationId }) => [tenantId, currency, paymentId, applicationId],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: zApplicationKey,
    handle: async (call, core, correction) =>
      corrected(core, call, call.fields, (billed) => withdrawApplication(billed, call.fields, correction)),
  }),
  example: {
    ...{ tenantId: 'acme', currency: 'USD', paymentId: 'bank-2026-05-05-1', applicationId: 'april', at: PAID },
  },
  async handle(call, core) {
    const { invoiceIds: named, ...payment } = call.fields;
    const ids = await invoiceIdsOf(core, named);
    return decide(core, call, payment, (billed) => decideApplication(billed, payment, ids));
  },
});

const recordRefund = defineCommand({
  name: 'record-refund',
  summary: 'Records money that went back to a tenant: from what is left of a payment, or from the credit of the tenant',
  fields: zRefundKey.extend({
    amount: zDecimal,
    at: zInstant,
    paymentId: zId.optional().describe('The payment that is refunded. Default: credit of the tenant'),
    reference: zText.optional().describe('What the bank says of it; erasable'),
    reason: zText.optional(),
  }),
  key: ({ tenantId, currency, refundId }) => [tenantId, currency, refundId],
  personal: {
    fields: ['reference'],
    assertSame: async (call, core) =>
      assertSameReference(call, core, call.fields, ({ type, data }) =>
        type === 'RefundRecorded' && data.refundId === call.fields.refundId ? data : null,
      ),
  },
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: zRefundKey,
    handle: async (call, core, correction) =>
      corrected(core, call, call.fields, (billed) => withdrawRefund(billed, call.fields.refundId, correction)),
  }),
  example: {
    ...{ tenantId: 'acme', currency: 'USD', refundId: 'refund-1', paymentId: 'bank-2026-05-05-1' },
    ...{ amount: '0.10', at: PAID, reason: 'paid too much' },
  },
  async handle(call, core) {
    const { paymentId, reference: _, reason, ...refund } = call.fields;
    const data = {
      ...refund,
      ...(paymentId === undefined ? {} : { paymentId }),
      ...(reason === undefined ? {} : { reason }),
    };
    return decide(core, call, refund, async (billed) =>
      referring(core, call.fields, (of) => decideRefund(billed, { ...data, ...of })),
    );
  },
});

const payInvoice = defineCommand({
  name: 'pay-invoice',
  summary: 'Records that all that is left to pay of an issued invoice was paid',
  fields: zOnInvoice,
  key: ({ invoiceId }) => [invoiceId],
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw', 'create-credit-note'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ invoiceId: zId }),
    async handle(call, core, correction) {
      const { invoiceId } = call.fields;
      const basis = await basisOf(core, call);
      return new Invoicing(core).onInvoice(call, invoiceId, async ({ state, invoice: of, events, account }) => {
        assertPaymentWithdrawable(state, invoiceId);
        assertNotPaidByPayments(account, invoiceId);
        assertNotOvertaken(call, basis, events, ({ type, data }) =>
          data.invoiceId === invoiceId ? `invoice ${invoiceId} changed (${type})` : null,
        );
        return { events: [{ type: 'InvoicePaymentWithdrawn', data: { invoiceId, ...of, ...correction } }] };
      });
    },
  }),
  example: { invoiceId: INVOICE, at: '2026-05-10T00:00:00Z' },
  async handle(call, core) {
    const { invoiceId, at } = call.fields;
    return new Invoicing(core).onInvoice(call, invoiceId, async ({ state, invoice: of, account }) => {
      assertPayable(state, invoiceId);
      assertIssuedBy(account, invoiceId, at);
      return { events: [{ type: 'InvoicePaid', data: { invoiceId, ...of, at } }] };
    });
  },
});

type Decided = ReturnType<typeof decidePayment>;
type Decide = (billed: Billed) => Decided | Promise<Decided>;

/** Decides on the billing stream. Errors: `unknown_tenant`, `currency_mismatch`, those of the decision. */
async function decide(
  core: LedgerCore,
  call: CommandCall,
  { tenantId, currency, paymentId, refundId }: AccountKey,
  decision: Decide,
  {
    basis = null,
    resultOf = () => undefined,
  }: {
    readonly basis?: Awaited<ReturnType<typeof basisOf>> | null;
    readonly resultOf?: (events: Decided) => object | undefined;
  } = {},
): Promise<CommandDone> {
  await assertBilledIn(core, tenantId, currency);
  return core.book.decide(billingStream(tenantId, currency), call, async (events) => {
    const own = events.filter(isBillingEvent);
    if (basis !== null)
      assertNotOvertaken(call, basis, own, ({ type, data }) =>
        ('paymentId' in data && data.paymentId === paymentId) || ('refundId' in data && data.refundId === refundId)
          ? `the payments of tenant ${data.tenantId} changed (${type})`
          : null,
      );
    const decided = await decision(billedOf({ tenantId, currency }, own));
    const result = resultOf(decided);
    return { events: decided, ...(result === undefined ? {} : { result }) };
  });
}

/** Errors: `unknown_tenant`, `currency_mismatch`. */
export async function assertBilledIn(core: LedgerCore, tenantId: string, currency: string): Promise<void> {
  const currencies = currenciesOf(tenantOf(await core.book.load(tenantStream(tenantId)), tenantId));
  if (!currencies.includes(currency))
    throw conflict(
      'currency_mismatch',
      `tenant ${tenantId} is billed in ${currencies.join(' and ')}, not ${currency}: add it with correct-tenant`,
    );
}

/** Withdraws a payment or a refund, unless another command has overtaken this one. Errors: `overtaken`. */
const corrected = async (
  core: LedgerCore,
  call: CommandCall,
  key: AccountKey,
  decision: Decide,
): Promise<CommandDone> => decide(core, call, key, decision, { basis: await basisOf(core, call) });

const zPayment = z
  .object({
    tenantId: z.string(),
    currency: z.string(),
    paymentId: z.string(),
    amount: zMoney,
    at: zTimestamp,
    payerId: z.string().nullable().describe('Who sent it: the tenant itself, or its payer. null: not stated'),
    transferId: z.string().nullable().describe('The transfer of payerId that it is a share of. null: of none'),
    reference: z.string().nullable(),
    applied: z
      .array(
        z
          .object({
            invoiceId: z.string(),
            number: z.string(),
            amount: zMoney,
            at: zTimestamp,
            applicationId: z.string().nullable().describe('null: applied when the payment was recorded'),
          })
          .meta({ id: 'Application' }),
      )
      .describe('The invoices that it pays'),
    unapplied: zMoney.describe('What pays no invoice and was not refunded'),
    refunded: zMoney,
  })
  .meta({ id: 'Payment' });

const payments = defineQuery({
  name: 'payments',
  summary: 'Payments of tenants, with the invoices that they pay and what is left',
  path: 'payments',
  params: zPage.extend({ tenantId: zOptionalId }),
  roles: READERS,
  answer: listOf(zPayment),
  example: { tenantId: 'acme' },
  async handle({ tenantId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    return pageOfRows({
      order: PAYMENT_ORDER,
      page,
      position,
      read: async (rows) => readPaymentPage(core.db, position, visible, rows),
      toItems: async (rows) => withApplications(core, position, rows),
    });
  },
});

/** Tells payments of all tenants apart. */
export const keyOfPayment = (row: Pick<PaymentRow, 'tenant_id' | 'currency' | 'payment_id'>): string =>
  JSON.stringify([row.tenant_id, row.currency, row.payment_id]);

async function withApplications(core: LedgerCore, position: number, rows: readonly PaymentRow[]) {
  const referenceOf = await core.texts.referencesOf(rows);
  const tenantIds = [...new Set(rows.map(({ tenant_id }) => tenant_id))];
  const applied = Map.groupBy(await readApplications(core.db, position, tenantIds), keyOfPayment);
  return rows.map((row) => {
    const { currency } = row;
    const money = (amount: string): string => moneyText(decimal(amount), currency);
    return {
      tenantId: row.tenant_id,
      currency,
      paymentId: row.payment_id,
      amount: money(row.amount),
      at: row.paid_at,
      payerId: row.payer_id,
      transferId: row.transfer_id,
      reference: referenceOf(row),
      applied: (applied.get(keyOfPayment(row)) ?? []).map((each) => ({
        invoiceId: each.invoice_id,
        number: documentNumber('INV', each.ordinal),
        amount: money(each.amount),
        at: each.applied_at,
        applicationId: each.application_id,
      })),
      unapplied: money(row.unapplied),
      refunded: money(row.refunded),
    };
  });
}

export const paymentOperations: Operations = {
  commands: [recordPayment, recordRefund, applyPayment, payInvoice],
  queries: [payments],
};
