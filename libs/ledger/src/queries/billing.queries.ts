import { notFound } from '#domain/errors';
import { type FrozenRow, INVOICE_STATUSES, invoiceNumber } from '#domain/invoices/invoice';
import { billingOfClaim } from '#domain/invoices/rate-invoice';
import type { LineDefinition } from '#domain/lines/line';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zId } from '#domain/schema';
import { compareInstants, type Instant } from '#domain/time/instant';
import { z } from 'zod';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { contractsOf, linesOfTenant, recordedParts, tenantAccount } from '../billing.js';
import { claimedParts, isUuid, rated } from '../invoicing.js';
import { inForceAt } from '../ledger-core.js';
import { defineQuery, pageOfAll, type QueryContext, READERS, visibleTenant, zAsOf, zOptionalId, zOptionalInstant, zPage } from '../query.js';
import { netText, printFrozen, printRated, rateLines, type RatedLine, type RatedTile } from '../rated-lines.js';

/** A line or part as people and programs see it. */
interface LineView {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly status: 'valid' | 'split';
  readonly invoiceId: string | null;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly currency: string;
  readonly period: { readonly start: Instant; readonly end: Instant };
  readonly quantity: string;
  readonly rows: readonly object[];
  readonly net: string;
  readonly quarantine: { readonly code: string; readonly message: string } | null;
}

type Booked = ReadonlyMap<string, readonly FrozenRow[]>;

/** A cut line groups and counts in no calculation: its parts follow it, with their amounts. */
function viewsOf({ line, parts, quarantined }: RatedLine, booked: Booked): LineView[] {
  const shared = {
    tenantId: line.tenantId,
    subscriptionId: line.subscriptionId,
    deploymentId: line.deploymentId,
    billingKind: line.billingKind,
    currency: line.currency,
    quarantine: quarantined === null ? null : { code: quarantined.code, message: quarantined.message },
  };
  const isSplit = parts.some(({ partId }) => partId !== line.lineId);
  const valid = parts.map((part): LineView => ({
    lineId: part.partId,
    parentLineId: isSplit ? line.lineId : null,
    status: 'valid',
    invoiceId: part.invoiceId,
    ...shared,
    period: part.period,
    quantity: part.quantity,
    ...amountsOf(part, line, booked.get(part.partId)),
  }));
  if (!isSplit) return valid;
  const parent: LineView = {
    lineId: line.lineId,
    parentLineId: null,
    status: 'split',
    invoiceId: null,
    ...shared,
    period: line.period,
    quantity: '0',
    rows: [],
    net: moneyText(decimal('0'), line.currency),
  };
  return [parent, ...valid];
}

/** What is billed is frozen: those rows, with the corrections booked since. What is open is rated. */
function amountsOf(part: RatedTile, line: LineDefinition, booked: readonly FrozenRow[] | undefined): { rows: object[]; net: string } {
  if (booked !== undefined) return { rows: booked.map((row) => printFrozen(row, line.currency)), net: netText(booked, line.currency) };
  const rows = printRated(part.rows, line.currency);
  return { rows, net: netText(rows, line.currency) };
}

async function bookedByPart(context: QueryContext, tenantId: string): Promise<Map<string, FrozenRow[]>> {
  const { rows } = await context.core.pool.query<{ row: FrozenRow }>(
    `SELECT r.row FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
     WHERE i.tenant_id = $2 AND i.status IN ('issued', 'paid') AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1) ORDER BY i.ordinal, r.n`,
    [context.position, tenantId],
  );
  const byPart = Map.groupBy(rows.map(({ row }) => row), ({ partId }) => partId);
  // A billed part of nothing has no rows: its claim is what makes it billed.
  for (const partId of await issuedParts(context, tenantId)) if (!byPart.has(partId)) byPart.set(partId, []);
  return byPart;
}

async function issuedParts({ core, position }: QueryContext, tenantId: string): Promise<string[]> {
  const { rows } = await core.pool.query<{ part_id: string }>(
    `SELECT p.part_id FROM invoices i JOIN invoice_parts p ON p.invoice_id = i.invoice_id AND p.attempt = i.parts_attempt
     WHERE i.tenant_id = $2 AND i.status IN ('issued', 'paid') AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1)`,
    [position, tenantId],
  );
  return rows.map(({ part_id }) => part_id);
}

/** Tenants whose lines are asked for: the one, the one that is visible, or all. */
async function tenantsFor(context: QueryContext, tenantId: string | undefined): Promise<string[]> {
  const visible = await visibleTenant(context, tenantId);
  if (visible !== null) return [visible];
  const rows = await context.core.db.selectFrom('tenants').select('tenant_id').where(inForceAt(context.position)).orderBy('tenant_id').execute();
  return rows.map(({ tenant_id }) => tenant_id);
}

async function lineViews(
  context: QueryContext,
  filter: { tenantId?: string | undefined; subscriptionId?: string | undefined; at: Instant },
): Promise<LineView[]> {
  const views: LineView[] = [];
  for (const tenantId of await tenantsFor(context, filter.tenantId)) {
    const account = await tenantAccount(context.core, context.position, tenantId);
    const lines = (await linesOfTenant(context.core, context.position, account, filter.at)).filter(
      ({ subscriptionId }) => filter.subscriptionId === undefined || subscriptionId === filter.subscriptionId,
    );
    const rated = await rateLines(context.core, context.position, lines, await recordedParts(context.core, context.position, tenantId), filter.at);
    const booked = await bookedByPart(context, tenantId);
    views.push(...rated.flatMap((each) => viewsOf(each, booked)));
  }
  return views;
}

async function assertVisibleSubscription({ core, position, confinedTo }: QueryContext, subscriptionId: string): Promise<void> {
  const contracts = await contractsOf(core, position, confinedTo);
  if (!contracts.some(({ subscription }) => subscription.subscriptionId === subscriptionId))
    throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
}

const linesQuery = defineQuery({
  name: 'lines',
  summary: 'Invoice lines and their parts: what is billed as it was frozen, what is open as it rates up to now (`at`)',
  params: zPage.extend({
    tenantId: zOptionalId,
    subscriptionId: zOptionalId,
    billingKind: zOptionalId,
    status: z.enum(['valid', 'split']).optional(),
    at: zOptionalInstant,
  }),
  roles: READERS,
  async answer({ tenantId, subscriptionId, billingKind, status, at, ...page }, context) {
    if (subscriptionId !== undefined) await assertVisibleSubscription(context, subscriptionId);
    const views = (await lineViews(context, { tenantId, subscriptionId, at: at ?? context.caller.now }))
      .filter((view) => billingKind === undefined || view.billingKind === billingKind)
      .filter((view) => status === undefined || view.status === status);
    const keyOf = (view: LineView): string =>
      JSON.stringify([view.tenantId, view.subscriptionId, view.billingKind, view.parentLineId ?? view.lineId, view.parentLineId === null ? '' : view.period.start]);
    return pageOfAll(views, page, context.position, keyOf);
  },
});

const lineQuery = defineQuery({
  name: 'line',
  summary: 'One line or part; a line that was cut comes with its parts',
  params: zAsOf.extend({ id: zId, at: zOptionalInstant }),
  roles: READERS,
  async answer({ id, at }, context) {
    const views = await lineViews(context, { at: at ?? context.caller.now });
    const found = views.find(({ lineId }) => lineId === id);
    if (found === undefined) throw notFound('unknown_line', `there is no line ${id}`);
    if (found.status === 'valid') return found;
    const parts = views.filter(({ parentLineId }) => parentLineId === id);
    return { ...found, parts, partsNet: netText(parts, found.currency) };
  },
});

/** One invoice: an issued one as it was frozen, a draft rated on reading. */
async function invoiceView(context: QueryContext, row: InvoiceRow) {
  const { core, position } = context;
  const { currency, tenant_id: tenantId } = row;
  const claimed = await claimedParts(core, position, row.invoice_id);
  const account = await tenantAccount(core, position, tenantId);
  const isDraft = row.status === 'draft' || row.rows_attempt === null;
  const draft = isDraft ? await rated(core, position, account, row.invoice_id, row.as_of, (facts) => billingOfClaim(facts, claimed)) : null;
  const rows = draft === null ? await frozenRows(context, row) : draft.invoice.rows;
  const known = row.computed_at ?? position;
  const definitions = await linesOfTenant(core, known, account, row.as_of);
  const claimedLines = new Set(claimed.map(({ lineId }) => lineId));
  const quantities = await partQuantities(context, known, definitions.filter(({ lineId }) => claimedLines.has(lineId)), tenantId, row.as_of);
  const charges = Map.groupBy(rows.filter(({ kind }) => kind === 'charge'), ({ partId }) => partId);
  const corrections = Map.groupBy(rows.filter(({ kind }) => kind !== 'charge'), ({ partId }) => partId);
  const lineOf = new Map(definitions.map((line) => [line.lineId, line]));
  const billed = claimed.map(({ lineId, partId, period }) => {
    const line = lineOf.get(lineId);
    return invoiceLine({ lineId, partId, period, billingKind: line?.billingKind ?? charges.get(partId)?.[0]?.billingKind ?? '', line }, charges.get(partId) ?? [], currency, quantities.get(partId) ?? '0');
  });
  const corrected = [...corrections].flatMap(([partId, group]) => {
    const first = group[0];
    if (first === undefined) return [];
    const of = { lineId: first.lineId, partId, period: first.chargePeriod, billingKind: first.billingKind, line: lineOf.get(first.lineId) };
    return [{ ...invoiceLine(of, group, currency, null), correction: true }];
  });
  const total = (value: string | null, computed: () => string): string => (value === null ? computed() : moneyText(decimal(value), currency));
  const lines = [...billed, ...corrected].sort(
    (a, b) => compareText(a.billingKind, b.billingKind) || compareInstants(a.period.start, b.period.start) || Number(a.correction) - Number(b.correction),
  );
  return {
    invoiceId: row.invoice_id,
    number: row.ordinal === null ? null : invoiceNumber(row.ordinal),
    status: row.status,
    tenantId,
    currency,
    asOf: row.as_of,
    issuedAt: row.issued_at,
    paidAt: row.paid_at,
    voidedAt: row.voided_at,
    computedAt: row.computed_at,
    lines,
    subtotal: total(row.subtotal, () => netText(rows, currency)),
    tax: total(row.tax, () => moneyText(sum(rows.map(({ tax }) => decimal(tax))), currency)),
    total: total(row.total, () => moneyText(sum(rows.map(({ net, tax }) => decimal(net).plus(decimal(tax)))), currency)),
    quarantined: draft?.invoice.quarantined ?? [],
  };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function invoiceLine(
  of: { lineId: string; partId: string; period: { start: Instant; end: Instant }; billingKind: string; line: LineDefinition | undefined },
  rows: readonly FrozenRow[],
  currency: string,
  quantity: string | null,
) {
  return {
    lineId: of.partId,
    parentLineId: of.partId === of.lineId ? null : of.lineId,
    subscriptionId: of.line?.subscriptionId ?? rows[0]?.subscriptionId ?? null,
    deploymentId: of.line?.deploymentId ?? rows[0]?.deploymentId ?? null,
    billingKind: of.billingKind,
    period: of.period,
    quantity: quantity ?? '0',
    rows: rows.map((row) => printFrozen(row, currency)),
    net: netText(rows, currency),
    tax: moneyText(sum(rows.map(({ tax }) => decimal(tax))), currency),
    correction: false,
  };
}

/** The usage within each part, as known when the invoice was computed. */
async function partQuantities(context: QueryContext, position: number, lines: readonly LineDefinition[], tenantId: string, at: Instant): Promise<Map<string, string>> {
  const recorded = await recordedParts(context.core, context.position, tenantId);
  const ratedLines = await rateLines(context.core, position, lines, recorded, at);
  return new Map(ratedLines.flatMap(({ parts }) => parts.map(({ partId, quantity }) => [partId, quantity] as const)));
}

async function frozenRows({ core }: QueryContext, row: InvoiceRow): Promise<FrozenRow[]> {
  const rows = await core.db
    .selectFrom('invoice_rows')
    .select('row')
    .where('invoice_id', '=', row.invoice_id)
    .where('attempt', '=', row.rows_attempt ?? '')
    .orderBy('n')
    .execute();
  return rows.map((each) => each.row);
}

const invoicesQuery = defineQuery({
  name: 'invoices',
  summary: 'Invoices: issued ones as they were frozen, drafts as they rate now',
  params: zPage.extend({ tenantId: zOptionalId, status: z.enum(INVOICE_STATUSES).optional() }),
  roles: READERS,
  async answer({ tenantId, status, ...page }, context) {
    const visible = await visibleTenant(context, tenantId);
    let query = context.core.db.selectFrom('invoices').selectAll().where(inForceAt(context.position));
    if (visible !== null) query = query.where('tenant_id', '=', visible);
    if (status !== undefined) query = query.where('status', '=', status);
    const rows = pageOfAll(await query.execute(), page, context.position, (row) => JSON.stringify([row.tenant_id, row.as_of, row.invoice_id]));
    const items = [];
    for (const row of rows.items) items.push(await invoiceView(context, row));
    return { items, nextCursor: rows.nextCursor };
  },
});

const invoiceQuery = defineQuery({
  name: 'invoice',
  summary: 'One invoice with its lines and rows',
  params: zAsOf.extend({ id: zId }),
  roles: READERS,
  async answer({ id }, context) {
    const row = isUuid(id)
      ? await context.core.db.selectFrom('invoices').selectAll().where('invoice_id', '=', id).where(inForceAt(context.position)).executeTakeFirst()
      : undefined;
    if (row === undefined || (context.confinedTo !== null && row.tenant_id !== context.confinedTo))
      throw notFound('unknown_invoice', `there is no invoice ${id}`);
    return invoiceView(context, row);
  },
});

export const billingQueries = [linesQuery, lineQuery, invoicesQuery, invoiceQuery];
