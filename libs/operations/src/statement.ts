import { z } from 'zod';
import { invalid, notFound } from '#domain/errors';
import { zCurrency, zId, zInstant } from '#domain/schema';
import { payerStatementOf, type Statement, type StatementOf, statementOf } from '#billing/invoices/statement';
import { statementCsv } from '#exchange/documents/statement-csv';
import { statementDocument as statementHtml } from '#exchange/documents/statement-document';
import {
  defineQuery,
  IN_ORDER,
  inOrder,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zOptionalId,
} from '#ledger/query';
import { ENTRY_TYPES } from '#projections/payments/payments.read';
import { readTenants } from '#projections/tenants/tenants.read';
import type { TenantRow } from '#projections/tenants/tenants.table';
import { zHtml, zMoney, zSpan, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { shownAsOf } from './documents.js';
import { APRIL } from './story.js';

const zEntry = z
  .object({
    tenantId: z.string().describe('Whose invoice or payment it is'),
    at: zTimestamp,
    type: z
      .enum(ENTRY_TYPES)
      .describe('payment: recorded with record-payment · invoice_payment: the amount that pay-invoice says was paid'),
    id: z.string().describe('Of the invoice, the credit note, the payment or the refund'),
    number: z
      .string()
      .nullable()
      .describe('null: it has none. A payment of a payer has that of the invoice that it pays'),
    reference: z.string().nullable(),
    reason: z.string().nullable(),
    amount: zMoney.describe('What it adds to the balance'),
    corrections: zMoney.nullable().describe('Of an invoice: what its corrections of earlier ones come to, with tax'),
    applied: z
      .array(z.object({ number: z.string(), amount: zMoney }).meta({ id: 'AppliedPayment' }))
      .describe('Of a payment: the invoices that it pays'),
    payerId: z
      .string()
      .nullable()
      .describe('Whom its invoice is addressed to, or who sent the payment. null: the tenant itself, or not stated'),
    balance: zMoney.describe('After the entry'),
  })
  .meta({ id: 'StatementEntry' });

const zStatement = z
  .object({
    tenantId: z.string().describe('Who owes the balance'),
    payerId: z.string().nullable().describe('The same, if the statement is of invoices of others. null: of its own'),
    currency: z.string(),
    otherCurrencies: z.array(z.string()).describe('It has entries in these too. Ask for each with currency'),
    period: zSpan,
    opening: zMoney.describe('The balance at the start. Above zero: owed by the tenant; below: owed to it'),
    entries: z.array(zEntry),
    invoiced: zMoney,
    voided: zMoney,
    credited: zMoney,
    paid: zMoney,
    refunded: zMoney,
    closing: zMoney.describe('opening + invoiced − voided − credited − paid + refunded'),
    owedByPayers: z
      .array(
        z
          .object({
            payerId: z.string(),
            closing: zMoney.describe('At the end of the period'),
            due: zMoney.describe('Now'),
          })
          .meta({ id: 'OwedByPayer' }),
      )
      .describe('What payers owe of its invoices that are addressed to them'),
    ownClosing: zMoney.describe('closing without what payers owe: what the tenant itself owes'),
    prepaid: z
      .object({
        opening: zMoney,
        topUps: z.array(z.object({ creditId: z.string(), at: zTimestamp, amount: zMoney }).meta({ id: 'ToppedUp' })),
        bought: zMoney,
        used: zMoney.describe('By invoices, which are less by it'),
        expired: zMoney,
        closing: zMoney.describe('opening + bought − used − expired'),
      })
      .meta({ id: 'PrepaidCredit' })
      .describe('Credit that the tenant bought (grant-credit with a payment). It is no part of the balance'),
    standing: z
      .object({
        due: zMoney,
        credit: zMoney,
        unapplied: zMoney,
        balance: zMoney,
        ownBalance: zMoney.describe('balance without what payers owe: what the tenant itself owes'),
      })
      .meta({ id: 'AccountStanding' })
      .describe('All that is recorded, also after the period: due − credit − unapplied = balance'),
  })
  .meta({ id: 'Statement' });

const zParams = zAsOf.extend({
  tenantId: zOptionalId.describe('Required, except for a tenant'),
  payerId: zId
    .optional()
    .describe('Instead of tenantId: what this tenant is to pay of invoices of others, which are addressed to it'),
  currency: zCurrency.optional().describe('Default: the currency of the tenant'),
  start: zInstant,
  end: zInstant,
});
type Params = z.output<typeof zParams>;

const example = { tenantId: 'acme', start: APRIL.start, end: '2026-07-01T00:00:00Z' };

export const statement = defineQuery({
  name: 'statement',
  summary: 'A statement of account: invoices, credit notes, payments and refunds of a period, with the balances',
  path: 'statement',
  params: zParams,
  roles: READERS,
  answer: zStatement,
  example,
  async handle(params, context) {
    return (await subjectOf(params, context)).statement;
  },
});

export const statementTable = defineQuery({
  name: 'statement-csv',
  summary: 'A statement of account as CSV: the opening balance, the entries and the closing balance',
  path: 'statement/csv',
  params: zParams,
  roles: READERS,
  media: 'text/csv',
  answer: z.string().describe('CSV (RFC 4180) with a line of column names'),
  example,
  async handle(params, context) {
    return statementCsv((await subjectOf(params, context)).statement);
  },
});

export const statementDocument = defineQuery({
  name: 'statement-document',
  summary: 'A statement of account as an HTML page, to print or to send',
  path: 'statement/document',
  params: zParams,
  roles: READERS,
  media: 'text/html',
  answer: zHtml,
  example,
  async handle(params, context) {
    const { statement: shown, tenant } = await subjectOf(params, context);
    const details = await context.core.details.read([tenant.details_ref]);
    return statementHtml({
      statement: shown,
      seller: context.core.keptSeller.configured.text,
      tenant: details.get(tenant.details_ref) ?? null,
      timeZone: tenant.time_zone,
      shownAsOf: shownAsOf(params, context.position),
    });
  },
});

/** Errors: `invalid_parameter`, `unknown_tenant`. */
async function subjectOf(
  { tenantId: asked, payerId, currency, start, end }: Params,
  context: QueryContext,
): Promise<{ readonly statement: Statement; readonly tenant: TenantRow }> {
  const wrong = (field: string, message: string) =>
    invalid('invalid_parameter', `statement: ${field} ${message}`, [{ field, message }]);
  if (payerId !== undefined && asked !== undefined) throw wrong('payerId', 'and tenantId exclude each other: give one');
  const tenantId = await visibleTenant(context, payerId ?? asked);
  if (tenantId === null) throw wrong('tenantId', 'is missing: a statement is of one tenant');
  if (!inOrder({ start, end })) throw wrong('end', IN_ORDER.error);
  const [tenant] = await readTenants(context.core.db, context.position, [tenantId]);
  if (tenant === undefined) throw notFound('unknown_tenant', `tenant ${tenantId} is not registered`);
  const of: StatementOf = { tenantId, currency: currency ?? tenant.currency, period: { start, end } };
  return { statement: await (payerId === undefined ? statementOf : payerStatementOf)(context, of), tenant };
}

export const statementOperations: Operations = {
  queries: [statement, statementTable, statementDocument],
};
