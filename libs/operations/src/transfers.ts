import pMap from 'p-map';
import { z } from 'zod';
import { billingStream, documentNumber } from '#domain/invoices/invoice';
import type { Billed, BillingEvent } from '#domain/invoices/payments';
import { foldTransfers, type Share, type Transfer, type TransferState } from '#domain/invoices/transfer-events';
import {
  recordShare,
  recordTransfer as decideTransfer,
  resultOfShare,
  type ShareResult,
  withdrawShare,
  withdrawTransfer,
} from '#domain/invoices/transfers';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zCurrency, zDecimal, zId, zInstant, zText } from '#domain/schema';
import { tenantStream } from '#domain/tenants/tenant';
import { WrongExpectedRevision } from '#event-store/port';
import { billedOf, isBillingEvent, isTransferEvent } from '#billing/invoices/invoice-events';
import type { CommandCall, CommandDone } from '#ledger/command';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
import { defineQuery, pageOfRows, READERS, visibleTenant, zPage } from '#ledger/query';
import { tenantOf } from '#ledger/tenant';
import { readTenantsOwedBy } from '#projections/invoices/issued-invoices.read';
import { readInvoiceNumbers } from '#projections/invoices/invoices.read';
import {
  readApplicationsOf,
  readSharePayments,
  readTransferPage,
  TRANSFER_ORDER,
} from '#projections/payments/payments.read';
import type { TransferRow } from '#projections/payments/payments.table';
import { listOf, zMoney, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { assertBilledIn, assertSameReference, keyOfPayment, referring } from './payments.js';
import { invoicesOf } from './transferred-invoices.js';

const zTransferKey = z.strictObject({
  payerId: zId.describe('Who sent it: the tenant that the invoices are addressed to'),
  currency: zCurrency,
  transferId: zId,
});
type TransferKey = z.output<typeof zTransferKey>;

const streamOf = ({ payerId, currency }: Pick<TransferKey, 'payerId' | 'currency'>): string =>
  billingStream(payerId, currency);

/**
 * A transfer is a process over the billing streams of several tenants, and each step can be repeated: (1) the stream of
 * the payer records how it is divided; (2) the stream of each tenant records its payment. A process may stop between
 * any two steps: the same command again finishes what is half done. Of one payer, one after the other, so that no two
 * transfers are divided among the same open invoices.
 */
const oneAfterAnother = async <Result>(
  core: LedgerCore,
  payerId: string,
  work: () => Promise<Result>,
): Promise<Result> => core.exclusively(`transfers of ${payerId}`, work);

const recordTransfer = defineCommand({
  name: 'record-transfer',
  summary: 'Records one transfer of a payer for several tenants. Each gets its share as a payment',
  fields: zTransferKey.extend({
    amount: zDecimal,
    at: zInstant,
    reference: zText.optional().describe('What the bank says of it; erasable'),
    invoiceIds: z
      .array(zId)
      .optional()
      .describe(
        'The invoices that it pays, in this order, of any tenants; ids or numbers. A consolidated invoice stands for' +
          ' its invoices that have something left to pay, oldest first. Default: all that are open, were issued by' +
          ' then and are addressed to the payer, oldest first. What is left is a payment of the payer itself',
      ),
  }),
  key: ({ payerId, currency, transferId }) => [payerId, currency, transferId],
  personal: {
    fields: ['reference'],
    assertSame: async (call, core) =>
      assertSameReference(call, core, { ...call.fields, tenantId: call.fields.payerId }, ({ type, data }) =>
        type === 'TransferRecorded' && data.transferId === call.fields.transferId ? data : null,
      ),
  },
  isPreviewed: false,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['withdraw'] },
  withdrawal: defineWithdrawal({
    fields: zTransferKey,
    async handle(call, core, correction) {
      const key = call.fields;
      const basis = await basisOf(core, call);
      return oneAfterAnother(core, key.payerId, async () => {
        const before = await finished(core, call, key, 'withdrawn');
        const done = await core.book.decide(streamOf(key), call, async (events) => {
          const state = foldTransfers(events.filter(isTransferEvent)).get(key.transferId);
          const shares = state?.transfer.shares ?? [];
          const accounts = await pMap(shares, async ({ tenantId }) => accountOf(core, tenantId, key.currency), AT_ONCE);
          assertNotOvertaken(call, basis, events.filter(isTransferEvent), ({ type, data }) =>
            data.transferId === key.transferId ? `transfer ${key.transferId} changed (${type})` : null,
          );
          const billed = accounts.map((each) => each.billed);
          return { events: withdrawTransfer(state, billed, key, correction) };
        });
        return together(core, before, done, await finished(core, call, key, 'withdrawn'));
      });
    },
  }),
  example: {
    ...{ payerId: 'globex', currency: 'USD', transferId: 'bank-2026-08-05-1', amount: '0.50' },
    ...{ at: '2026-08-05T00:00:00Z', invoiceIds: [] },
  },
  async handle(call, core) {
    const { invoiceIds: named, reference, ...stated } = call.fields;
    const { payerId, currency, transferId } = stated;
    return oneAfterAnother(core, payerId, async () => {
      tenantOf(await core.book.load(tenantStream(payerId)), payerId);
      const before = await finished(core, call, stated, 'withdrawn');
      const done = await core.book.decide(streamOf(stated), call, async () => {
        const invoices = named === undefined ? undefined : await invoicesOf(core, named, stated);
        const tenantIds = invoices?.map(({ tenantId }) => tenantId) ?? (await owedBy(core, stated));
        const accounts = await pMap(
          new Set([payerId, ...tenantIds]),
          async (tenantId) => (await accountOf(core, tenantId, currency)).billed,
          AT_ONCE,
        );
        const { type, data } = decideTransfer(accounts, stated, invoices);
        // What is left is in its own account.
        if (data.shares.some(({ tenantId }) => tenantId === payerId)) await assertBilledIn(core, payerId, currency);
        return referring(core, { tenantId: payerId, reference }, (of) => ({
          events: [{ type, data: { ...data, ...of } }],
        }));
      });
      return together(core, before, done, await finished(core, call, { payerId, currency, transferId }));
    });
  },
});

const AT_ONCE = { concurrency: 8 };

const owedBy = async (core: LedgerCore, of: Pick<TransferKey, 'payerId' | 'currency'>): Promise<string[]> =>
  readTenantsOwedBy(core.db, await core.projector.catchUp(), of);

/** The account of a tenant, and the revision of its billing stream. */
async function accountOf(
  core: LedgerCore,
  tenantId: string,
  currency: string,
): Promise<{ readonly billed: Billed; readonly revision: number }> {
  const { events, revision } = await core.book.loadAt(billingStream(tenantId, currency));
  return { billed: billedOf({ tenantId, currency }, events.filter(isBillingEvent)), revision };
}

/** What was done of the steps of a transfer. position null: nothing was left to do. */
interface Finished {
  readonly position: number | null;
  readonly transfer: Transfer | null;
  readonly shares: readonly ShareResult[];
}

/**
 * Does the steps of a transfer that are not done: records the payment of each share, or withdraws it where the transfer
 * is withdrawn. `only`: does nothing while the transfer stands. Errors: `payment_exists`, those of `withdrawShare`.
 */
async function finished(
  core: LedgerCore,
  call: CommandCall,
  key: TransferKey,
  only: 'withdrawn' | 'any' = 'any',
): Promise<Finished> {
  const events = (await core.book.load(streamOf(key))).filter(isTransferEvent);
  const state = foldTransfers(events).get(key.transferId);
  if (state === undefined || (only === 'withdrawn' && state.withdrawnFor === null))
    return { position: null, transfer: null, shares: [] };
  const steps = await pMap(state.transfer.shares, async (share) => finishShare(core, call, state, share), AT_ONCE);
  const positions = steps.flatMap(({ position }) => position ?? []);
  return {
    position: positions.length === 0 ? null : Math.max(...positions),
    transfer: state.transfer,
    shares: steps.flatMap(({ result }) => result ?? []),
  };
}

/** One step of the process. Where another run has done it, nothing is left to do. */
async function finishShare(
  core: LedgerCore,
  call: CommandCall,
  { transfer, withdrawnFor }: TransferState,
  share: Share,
): Promise<{ readonly position: number | null; readonly result: ShareResult | null }> {
  const { tenantId } = share;
  for (let position: number | null = null; ;) {
    const { billed, revision } = await accountOf(core, tenantId, transfer.currency);
    const events: BillingEvent[] =
      withdrawnFor === null
        ? recordShare(billed, transfer, share)
        : withdrawShare(billed, transfer, share, withdrawnFor);
    if (events.length === 0)
      return { position, result: withdrawnFor === null ? resultOfShare(billed, transfer, share) : null };
    try {
      const step = { ...call, key: null, idempotencyKey: null };
      ({ position } = await core.book.appendAt(billingStream(tenantId, transfer.currency), revision, step, events));
    } catch (error) {
      // Another command changed the account first: decide again on what is recorded now.
      if (!(error instanceof WrongExpectedRevision)) throw error;
    }
  }
}

async function numbersOf(core: LedgerCore, invoiceIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (invoiceIds.length === 0) return new Map();
  return readInvoiceNumbers(core.db, await core.projector.catchUp(), invoiceIds);
}

/** The answer of a command that may have finished what an earlier process left. */
async function together(core: LedgerCore, before: Finished, done: CommandDone, after: Finished): Promise<CommandDone> {
  const positions = [before.position, done.position, after.position].flatMap((each) => each ?? []);
  const { transfer, shares } = after;
  const money = (amount: string): string => moneyText(decimal(amount), transfer?.currency ?? '');
  const numbers = await numbersOf(
    core,
    shares.flatMap(({ unpaid }) => unpaid),
  );
  const notices = [
    ...('notice' in (done.result ?? {}) ? [String((done.result as { notice: unknown }).notice)] : []),
    ...shares.flatMap((share) =>
      share.unpaid.length === 0
        ? []
        : [
            `${money(share.unapplied)} ${transfer?.currency} of tenant ${share.tenantId} pay nothing:` +
              ` ${share.unpaid.map((id) => numbers.get(id) ?? id).join(' and ')}` +
              ` ${share.unpaid.length === 1 ? 'was' : 'were'} paid, voided or credited since.` +
              ' Use apply-payment or record-refund.',
          ],
    ),
  ];
  return {
    status: positions.length === 0 ? 'unchanged' : 'done',
    ...(positions.length === 0 ? {} : { position: Math.max(...positions) }),
    result: {
      ...done.result,
      ...(shares.length === 0
        ? {}
        : {
            shares: shares.map(({ tenantId, paymentId, amount, unapplied }) => ({
              ...{ tenantId, paymentId, amount: money(amount), unapplied: money(unapplied) },
            })),
          }),
      ...(notices.length === 0 ? {} : { notice: notices.join(' ') }),
    },
  };
}

const zTransfer = z
  .object({
    payerId: z.string().describe('Who sent it'),
    currency: z.string(),
    transferId: z.string(),
    amount: zMoney,
    at: zTimestamp,
    reference: z.string().nullable(),
    shares: z
      .array(
        z
          .object({
            tenantId: z.string(),
            paymentId: z.string(),
            amount: zMoney,
            isRecorded: z.boolean().describe('false: the command was interrupted. Run it again'),
            applied: z.array(
              z
                .object({ invoiceId: z.string(), number: z.string(), amount: zMoney })
                .meta({ id: 'TransferApplication' }),
            ),
            unapplied: zMoney.describe('What pays no invoice and was not refunded'),
            refunded: zMoney,
          })
          .meta({ id: 'TransferShare' }),
      )
      .describe('The payments that it is divided into. They come to its amount'),
  })
  .meta({ id: 'Transfer' });

const transfers = defineQuery({
  name: 'transfers',
  summary: 'Transfers of payers, with the payments of tenants that each is divided into. A tenant sees its own',
  path: 'transfers',
  params: zPage.extend({ payerId: zId.optional().describe('Only of this payer') }),
  roles: READERS,
  answer: listOf(zTransfer),
  example: { payerId: 'globex' },
  async handle({ payerId, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, payerId);
    return pageOfRows({
      ...{ order: TRANSFER_ORDER, page, position },
      read: async (rows) => readTransferPage(core.db, position, visible, rows),
      toItems: async (rows) => withShares(core, position, rows),
    });
  },
});

async function withShares(core: LedgerCore, position: number, rows: readonly TransferRow[]) {
  const all = rows.flatMap(({ shares }) => shares);
  const of = { tenantIds: all.map(({ tenantId }) => tenantId), paymentIds: all.map(({ paymentId }) => paymentId) };
  const payments = new Map((await readSharePayments(core.db, position, of)).map((row) => [keyOfPayment(row), row]));
  const applied = Map.groupBy(await readApplicationsOf(core.db, position, of), keyOfPayment);
  const texts = await core.texts.read(rows.flatMap(({ reference_ref: ref }) => ref ?? []));
  return rows.map((row) => {
    const money = (amount: string): string => moneyText(decimal(amount), row.currency);
    return {
      payerId: row.payer_id,
      currency: row.currency,
      transferId: row.transfer_id,
      amount: money(row.amount),
      at: row.sent_at,
      reference: texts.get(row.reference_ref ?? '') ?? null,
      shares: row.shares.map(({ tenantId, paymentId, amount }) => {
        const key = keyOfPayment({ tenant_id: tenantId, currency: row.currency, payment_id: paymentId });
        const payment = payments.get(key);
        const own = payment?.transfer_id === row.transfer_id && payment.payer_id === row.payer_id;
        return {
          ...{ tenantId, paymentId, amount: money(amount), isRecorded: own },
          applied: (own ? (applied.get(key) ?? []) : []).map((each) => ({
            invoiceId: each.invoice_id,
            number: documentNumber('INV', each.ordinal),
            amount: money(each.amount),
          })),
          unapplied: money(own ? payment.unapplied : '0'),
          refunded: money(own ? payment.refunded : '0'),
        };
      }),
    };
  });
}

export const transferOperations: Operations = {
  commands: [recordTransfer],
  queries: [transfers],
};
