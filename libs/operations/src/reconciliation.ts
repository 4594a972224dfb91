import { z } from 'zod';
import { exactMoney } from '#domain/margin/margin';
import type { ReconciledBill } from '#domain/margin/reconciliation';
import { type Decimal, sum, ZERO } from '#domain/money/decimal';
import { zCurrency } from '#domain/schema';
import type { Period } from '#domain/time/period';
import { billsOf } from '#billing/reconciliation/bills';
import { issuedMonths } from '#billing/reconciliation/issued';
import {
  amountOf,
  OPEN_LISTS,
  type OpenItem,
  type OpenList,
  openLists,
  type OpenMonth,
} from '#billing/reconciliation/lists';
import { firstLines, type LineRef, MOST_LINES } from '#billing/reconciliation/resources';
import { zMonth } from '#ledger/month';
import { ADMIN, defineQuery, pageInOrder, type QueryContext, zAsOf, zPage, zWhole } from '#ledger/query';
import { readMarginCurrencies } from '#projections/margins/margins.read';
import { listOf, zMoney, zQuantity } from './answers.js';
import type { Operations } from './declared.js';

/** What to do about the items of each list. */
const REMEDIES: Readonly<Record<OpenList, string>> = {
  kinds_not_metered: 'Record the usage of these resources with observe-usage. Metering skips their kinds.',
  kinds_not_mapped: 'Say with set-kind-mapping which billing kinds the cost is for.',
  usage_without_price: 'Set the missing rate with set-rate, or correct the plan with correct-plan.',
  usage_unbilled: 'Cover the usage with start-subscription or publish-plan, or waive it with waive-usage.',
  cost_without_inventory: 'Record the resource with observe-resource, or correct the line with correct-cost.',
  inventory_without_cost:
    'Import the provider’s bill with backfill costs. If the resource is gone, record that with remove-resource.',
  usage_without_cost:
    'Import the provider’s bill with backfill costs, or name the resource on the line with correct-cost.',
  cost_without_usage:
    'Meter the days with run-metering, or record the usage with observe-usage. If nobody uses the resource, delete it' +
    ' at the provider.',
};

const STATUSES = ['equal', 'differs', 'not_recorded', 'not_imported'] as const;
type Status = (typeof STATUSES)[number];

const BILL_REMEDIES: Readonly<Record<Status, string | null>> = {
  equal: null,
  differs:
    'Import the latest bill with backfill costs, or correct a line with correct-cost. If the total is wrong, correct' +
    ' it with correct-provider-total.',
  not_recorded: 'Record the total of the provider’s invoice with record-provider-total.',
  not_imported: 'Import the bill with backfill costs. If there is none, withdraw the total with withdraw.',
};

const zStated = z
  .object({ period: z.string(), total: zMoney.describe('With tax'), tax: zMoney })
  .meta({ id: 'StatedTotal' });

const zBill = z
  .object({
    provider: z.string(),
    invoiceRef: z.string(),
    invoices: z.array(z.string()).describe('The invoices whose lines are summed'),
    lines: z.int().describe('Number of imported lines, also those of other months'),
    net: zMoney.describe('Of the imported lines without tax'),
    tax: zMoney.describe('Of the imported tax lines'),
    total: zMoney.describe('net + tax'),
    stated: zStated.nullable().describe('What record-provider-total recorded. null: nothing'),
    difference: zMoney.nullable().describe('total − stated total'),
    taxDifference: zMoney.nullable().describe('tax − stated tax'),
    status: z.enum(STATUSES),
    remedy: z.string().nullable(),
  })
  .meta({ id: 'ReconciledBill' });

const zIssued = z
  .object({ tenantId: z.string(), issued: zMoney, revenue: zMoney, difference: zMoney })
  .meta({ id: 'IssuedOfTenant' });

const zOpen = z
  .object({
    provider: z.string().nullable(),
    kind: z.string().nullable().describe('Of the resource, or of the provider’s line'),
    resourceId: z.string().nullable(),
    tenantId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    billingKind: z.string().nullable(),
    lineId: z.string().nullable(),
    quantity: zQuantity.nullable(),
    amount: zMoney.nullable().describe('Its cost in the month'),
    count: z.int().describe('Number of cost lines, readings or resources'),
    reason: z.string().nullable(),
    lines: z
      .array(z.object({ invoiceRef: z.string(), lineKey: z.string() }).meta({ id: 'CostLineRef' }))
      .nullable()
      .describe(`Of cost: its first ${MOST_LINES} lines, as correct-cost names them`),
  })
  .meta({ id: 'OpenItem', description: 'Fields that do not apply are null' });

const zReconciliation = z
  .object({
    period: z.string().describe('The month: 2026-04'),
    currency: z.string(),
    provider: z
      .object({
        count: z.int().describe('Number of provider invoices'),
        total: zMoney.describe('Of all imported lines of these invoices, with tax'),
        tax: zMoney,
        stated: zMoney.describe('Of all recorded totals'),
        difference: zMoney.describe('Of the invoices whose total is recorded: imported − recorded'),
        taxDifference: zMoney,
        items: z.array(zBill),
      })
      .meta({ id: 'ProviderInvoices' }),
    issued: z
      .object({
        issued: zMoney.describe('What issued invoices and credit notes bill for the month, without tax'),
        revenue: zMoney.describe('The revenue of the margin'),
        difference: zMoney.describe('Must be 0: check tests it'),
        items: z.array(zIssued).describe('Tenants with a difference'),
        remedy: z.string().nullable(),
      })
      .meta({ id: 'IssuedAgainstRevenue' }),
    lists: z.array(
      z
        .object({
          list: z.enum(OPEN_LISTS),
          count: z.int().describe('Number of items, also those that are not shown'),
          amount: zMoney.nullable().describe('The cost of all items. null: they have none'),
          items: z.array(zOpen),
          remedy: z.string(),
        })
        .meta({ id: 'OpenList' }),
    ),
    otherCurrencies: z.array(z.string()).describe('Other currencies with revenue or cost'),
  })
  .meta({ id: 'Reconciliation' });

const MOST_ITEMS = 10_000;

const zList = z.enum(OPEN_LISTS, 'must be the name of a list, such as usage_unbilled');

export const reconciliation = defineQuery({
  name: 'reconciliation',
  summary:
    'A month against paper: imported lines and provider totals, issued lines and revenue, and what cost, inventory' +
    ' and usage do not have in common',
  path: 'dashboard/reconciliation',
  params: zAsOf.extend({
    period: zMonth,
    currency: zCurrency.default('USD'),
    list: zList.optional().describe('Only this list. All of its items: reconciliation-items'),
    first: zWhole({ min: 1, max: MOST_ITEMS, message: `must be a whole number from 1 to ${MOST_ITEMS}` })
      .default(10)
      .describe('At most this many items of each list, and of the provider invoices'),
  }),
  roles: ADMIN,
  answer: zReconciliation,
  isExpensive: true,
  cost: 30,
  example: { period: '2026-04', currency: 'USD' },
  async handle({ period, currency, list, first }, context) {
    const money = (amount: Decimal): string => exactMoney(amount, currency);
    const bills = await billsOf(context, period, currency);
    const issued = await issuedMonths(context, { month: period, currency });
    const of = await monthOf(context, period, currency);
    const open = [...(await openLists(context, of, list === undefined ? OPEN_LISTS : [list]))];
    const printed = await printItems(
      context,
      of,
      open.flatMap(([, items]) => items.slice(0, first)),
    );
    const total = (amounts: readonly (Decimal | null)[]): string => money(sum(amounts.flatMap((each) => each ?? [])));
    const [billed, booked] = [sum(issued.map((each) => each.issued)), sum(issued.map((each) => each.revenue))];
    const unequal = issued.filter((each) => !each.issued.eq(each.revenue));
    return {
      period: period.start.slice(0, 7),
      currency,
      provider: {
        count: bills.length,
        total: total(bills.flatMap(({ net, tax }) => [net, tax])),
        tax: total(bills.map(({ tax }) => tax)),
        stated: total(bills.map(({ stated }) => stated?.total ?? null)),
        difference: total(bills.map(({ difference }) => difference)),
        taxDifference: total(bills.map(({ taxDifference }) => taxDifference)),
        items: bills.slice(0, first).map((bill) => printBill(bill, money)),
      },
      issued: {
        issued: money(billed),
        revenue: money(booked),
        difference: money(billed.minus(booked)),
        items: unequal.slice(0, first).map((each) => ({
          tenantId: each.tenantId,
          issued: money(each.issued),
          revenue: money(each.revenue),
          difference: money(each.issued.minus(each.revenue)),
        })),
        remedy: unequal.length === 0 ? null : 'Run check, and rebuild the read models with projections rebuild.',
      },
      lists: open.map(([each, items]) => {
        const amount = amountOf(each, items);
        return {
          list: each,
          count: items.length,
          amount: amount === null ? null : money(amount),
          items: printed.splice(0, Math.min(first, items.length)),
          remedy: REMEDIES[each],
        };
      }),
      otherCurrencies: of.others,
    };
  },
});

type Money = (amount: Decimal) => string;

async function monthOf(context: QueryContext, month: Period, currency: string): Promise<OpenMonth> {
  const currencies = await readMarginCurrencies(context.core.db, context.position, month);
  return { month, currency, others: currencies.filter((other) => other !== currency) };
}

/** Items as they are shown: those that are cost with its first lines. */
async function printItems(
  context: QueryContext,
  { month, currency }: OpenMonth,
  items: readonly OpenItem[],
): Promise<z.input<typeof zOpen>[]> {
  const costs = items.flatMap((item) => {
    const { provider, resourceId, kind, amount, within } = item;
    return provider === null || kind === null || amount === null ? [] : [{ item, provider, resourceId, kind, within }];
  });
  const found = await firstLines(context, { month, currency }, costs);
  const linesOf = new Map<OpenItem, LineRef[]>(costs.map(({ item }, index) => [item, found[index] ?? []]));
  return items.map((item) => {
    const { within: _, amount, ...shown } = item;
    return {
      ...shown,
      amount: amount === null ? null : exactMoney(amount, currency),
      lines: linesOf.get(item) ?? null,
    };
  });
}

function printBill(bill: ReconciledBill, money: Money) {
  const { provider, invoiceRef, invoices, lines, net, tax, stated, difference, taxDifference } = bill;
  const status = statusOf(bill);
  return {
    ...{ provider, invoiceRef, invoices, lines },
    net: money(net),
    tax: money(tax),
    total: money(net.plus(tax)),
    stated: stated === null ? null : { period: stated.month, total: money(stated.total), tax: money(stated.tax) },
    difference: difference === null ? null : money(difference),
    taxDifference: taxDifference === null ? null : money(taxDifference),
    status,
    remedy: BILL_REMEDIES[status],
  };
}

function statusOf({ lines, difference, taxDifference }: ReconciledBill): Status {
  if (difference === null || taxDifference === null) return 'not_recorded';
  if (lines === 0) return 'not_imported';
  return difference.eq(ZERO) && taxDifference.eq(ZERO) ? 'equal' : 'differs';
}

const ofMonth = zPage.extend({ period: zMonth, currency: zCurrency.default('USD') });

export const reconciliationItems = defineQuery({
  name: 'reconciliation-items',
  summary: 'All items of one list of the reconciliation of a month, page by page',
  path: 'dashboard/reconciliation/items',
  params: ofMonth.extend({ list: zList }),
  roles: ADMIN,
  answer: listOf(zOpen),
  isExpensive: true,
  cost: 30,
  example: { period: '2026-04', list: 'usage_unbilled' },
  async handle({ period, currency, list, ...page }, context) {
    const of = await monthOf(context, period, currency);
    const items = (await openLists(context, of, [list])).get(list) ?? [];
    const { items: shown, nextCursor } = pageInOrder(items, page, context.position);
    return { items: await printItems(context, of, shown), nextCursor };
  },
});

export const reconciliationInvoices = defineQuery({
  name: 'reconciliation-invoices',
  summary: 'All provider invoices of the reconciliation of a month, page by page: imported lines and recorded totals',
  path: 'dashboard/reconciliation/invoices',
  params: ofMonth,
  roles: ADMIN,
  answer: listOf(zBill),
  isExpensive: true,
  cost: 10,
  example: { period: '2026-04' },
  async handle({ period, currency, ...page }, context) {
    const { items, nextCursor } = pageInOrder(await billsOf(context, period, currency), page, context.position);
    return { items: items.map((bill) => printBill(bill, (amount) => exactMoney(amount, currency))), nextCursor };
  },
});

export const reconciliationOperations: Operations = {
  queries: [reconciliation, reconciliationItems, reconciliationInvoices],
};
