import { z } from 'zod';

/**
 * What each query promises to answer, at least: an answer may have more fields, never fewer. The e2e test holds real answers
 * against these, and the OpenAPI document prints them.
 */

const zMoney = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .describe('A decimal, at the scale of the currency');
const zQuantity = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .describe('A decimal');
const zAt = z.string().describe('RFC 3339, UTC');
const zSpan = z.looseObject({ start: zAt, end: zAt }).describe('Half-open');
const zOpenSpan = z.looseObject({ start: zAt, end: zAt.nullable() }).describe('Half-open; end null: it goes on');

const listOf = (item: z.ZodType): z.ZodType =>
  z.looseObject({ items: z.array(item), nextCursor: z.string().nullable().describe('Opaque; null: this is the last page') });

/** What does not hold, or someone may want to see. */
const zFinding = z.looseObject({ code: z.string(), message: z.string(), ids: z.looseObject({}), remedy: z.string() });
const zDifferences = z.array(z.looseObject({ events: z.array(z.looseObject({ position: z.int(), type: z.string(), actor: z.string() })), eventCount: z.int() }));

const zRow = z.looseObject({ ref: z.string(), quantity: zQuantity, gross: zMoney, discount: zMoney, credit: zMoney, net: zMoney });

const zLine = z.looseObject({
  lineId: z.string(),
  parentLineId: z.string().nullable(),
  status: z.enum(['valid', 'split']),
  billingKind: z.string(),
  period: zSpan,
  quantity: zQuantity.nullable(),
  rows: z.array(zRow),
  net: zMoney.nullable(),
});

const invoiceFields = {
  invoiceId: z.string(),
  number: z.string().nullable().describe('Gapless; from issuing on'),
  status: z.string(),
  tenantId: z.string(),
  currency: z.string(),
  subtotal: zMoney.nullable(),
  tax: zMoney.nullable(),
  total: zMoney.nullable(),
  creditTaken: zMoney.optional().describe('What it takes of the tenant’s credit: invoices below zero'),
  amountDue: zMoney.optional().describe('total − creditTaken, never below 0'),
};

const creditNoteFields = {
  creditNoteId: z.string(),
  number: z.string().describe('Gapless, in a series of its own'),
  invoiceId: z.string(),
  tenantId: z.string(),
  currency: z.string(),
  reason: z.string(),
  subtotal: zMoney,
  tax: zMoney,
  total: zMoney,
};

const marginFields = { revenue: zMoney, cogs: zMoney, margin: zMoney, marginPct: z.string().nullable() };

const zMargin = z.looseObject({
  period: z.string().describe('The month: 2026-04'),
  currency: z.string(),
  overall: z.looseObject(marginFields),
  byTenant: z.array(z.looseObject({ tenantId: z.string(), ...marginFields })),
  byDeployment: z.array(z.looseObject({ tenantId: z.string(), deploymentId: z.string().nullable(), ...marginFields })),
  byKind: z.looseObject({
    revenue: z.array(z.looseObject({ billingKind: z.string(), revenue: zMoney })),
    cogs: z.array(z.looseObject({ kind: z.string(), cogs: zMoney })),
  }),
  unattributed: z.looseObject({ cogs: zMoney }),
  otherCurrencies: z.array(z.string()),
});

export const ANSWERS: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  [
    'usage-records',
    listOf(
      z.looseObject({
        deploymentId: z.string(),
        resourceId: z.string(),
        billingKind: z.string(),
        period: zSpan,
        granularity: z.enum(['hour', 'day', 'event']),
        quantity: zQuantity,
      }),
    ),
  ],
  ['usage', z.record(z.string(), zQuantity).describe('Quantity by billing kind')],
  [
    'rates',
    listOf(
      z.looseObject({
        resourceType: z.string(),
        resourceFamily: z.string(),
        location: z.string(),
        unitPrice: zMoney,
        currency: z.string(),
        period: zOpenSpan,
      }),
    ),
  ],
  ['invoices', listOf(z.looseObject(invoiceFields))],
  ['invoice', z.looseObject({ ...invoiceFields, lines: z.array(z.looseObject({ lineId: z.string() })) })],
  ['invoice-preview', z.looseObject({ ...invoiceFields, invoiceId: z.null(), lines: z.array(z.looseObject({ lineId: z.string() })) })],
  ['credits', listOf(z.looseObject({ creditId: z.string(), tenantId: z.string(), currency: z.string(), kind: z.enum(['coupon', 'credit']), taken: zMoney }))],
  ['credit-notes', listOf(z.looseObject(creditNoteFields))],
  ['credit-note', z.looseObject({ ...creditNoteFields, rows: z.array(z.looseObject({ net: zMoney })) })],
  [
    'unbilled',
    listOf(z.looseObject({ deploymentId: z.string(), billingKind: z.string(), reason: z.enum(['no_subscription', 'no_plan_item']), quantity: zQuantity })),
  ],
  ['metered-days', listOf(z.looseObject({ date: z.string(), recordCount: z.int(), skipped: z.array(z.looseObject({ reason: z.string() })) }))],
  ['lines', listOf(zLine)],
  ['line', zLine],
  ['margin', zMargin],
  [
    'accrual',
    z.looseObject({
      at: zAt,
      currency: z.string(),
      subscriptions: z.array(
        z.looseObject({
          subscriptionId: z.string(),
          tenantId: z.string(),
          deploymentId: z.string(),
          lines: z.array(z.looseObject({})),
          total: zMoney,
        }),
      ),
      total: zMoney,
    }),
  ],
  [
    'resources',
    listOf(z.looseObject({ provider: z.string(), providerId: z.string(), kind: z.string(), name: z.string(), status: z.string() })),
  ],
  ['tenants', listOf(z.looseObject({ tenantId: z.string(), name: z.string().nullable(), currency: z.string(), timeZone: z.string() }))],
  ['deployments', listOf(z.looseObject({ deploymentId: z.string(), tenantId: z.string().nullable(), name: z.string() }))],
  ['subscriptions', listOf(z.looseObject({ subscriptionId: z.string(), deploymentId: z.string(), tenantId: z.string().nullable() }))],
  ['plans', listOf(z.looseObject({ planId: z.string(), name: z.string(), currency: z.string(), baseFee: zMoney, period: zOpenSpan }))],
  [
    'quote',
    z.looseObject({
      lines: z.array(
        z.looseObject({ billingKind: z.string(), quantity: zQuantity, included: zQuantity, billable: zQuantity, rows: z.array(zRow) }),
      ),
      subtotal: zMoney,
      tax: zMoney,
      total: zMoney,
    }),
  ],
  ['explain', z.looseObject({ id: z.string(), is: z.enum(['issued', 'open line', 'usage record', 'margin', 'event']) })],
  ['check', z.looseObject({ ok: z.boolean(), position: z.int(), failures: z.array(zFinding), notices: z.array(zFinding) })],
  [
    'diff',
    z.looseObject({ from: z.int(), to: z.int(), rates: zDifferences, usage: zDifferences, lines: zDifferences, invoices: zDifferences, margin: zDifferences.nullable() }),
  ],
  ['events', listOf(z.looseObject({}))],
  [
    'projections',
    listOf(
      z.looseObject({
        name: z.string(),
        version: z.int(),
        position: z.int(),
        head: z.int().describe('Of the log'),
        lag: z.int().describe('Events'),
      }),
    ),
  ],
]);
