import { z } from 'zod';
import { notFound } from '#domain/errors';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { LineDefinition } from '#domain/lines/line';
import type { RecordedPart } from '#domain/lines/parts';
import { decimal } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { zId } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { couponsOfLines, linesOfTenant, recordedParts, tenantAccount } from '#billing/invoices/billing';
import { isUuid } from '#billing/invoices/invoicing';
import { inForceAt } from '#ledger/ledger-core';
import { listOf, zMoney, zQuantity, zQuarantine, zRow, zSpan } from './answers.js';
import { LINE, MID_APRIL } from './story.js';
import {
  type AnswerOf,
  defineQuery,
  pageOfAll,
  type QueryContext,
  READERS,
  visibleTenant,
  zAsOf,
  zOptionalId,
  zPage,
  zAt,
} from '#ledger/query';
import {
  netText,
  partQuantities,
  printFrozen,
  printRated,
  rateLines,
  type RatedLine,
  type RatedTile,
} from '#billing/invoices/rated-lines';

const zLine = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable().describe('Of a part: the line that was cut'),
    status: z.enum(['valid', 'split']),
    invoiceId: z.string().nullable(),
    tenantId: z.string(),
    subscriptionId: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    currency: z.string(),
    period: zSpan,
    quantity: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
    quarantine: zQuarantine.nullable(),
  })
  .meta({ id: 'Line' });
/** A line or part as people and programs see it. */
type LineView = AnswerOf<typeof zLine>;

const zLineWithParts = z
  .object({
    ...zLine.shape,
    parts: z.array(zLine).optional().describe('Of a line that was cut'),
    partsNet: zMoney.optional().describe('What its parts come to'),
  })
  .meta({ id: 'LineWithParts' });

export const lines = defineQuery({
  name: 'lines',
  summary: 'Invoice lines and their parts: what is billed as it was frozen, what is open as it rates up to now (`at`)',
  path: 'lines',
  params: zPage.extend({
    tenantId: zOptionalId,
    subscriptionId: zOptionalId,
    billingKind: zOptionalId,
    status: z.enum(['valid', 'split']).optional(),
    /** Only those that can't be rated, or only those that can. */
    quarantined: z.enum(['true', 'false']).optional(),
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zLine),
  example: { subscriptionId: 'acme-sub', at: MID_APRIL },
  async handle({ tenantId, subscriptionId, billingKind, status, quarantined, at, ...page }, context) {
    if (subscriptionId !== undefined) await assertVisibleSubscription(context, subscriptionId);
    const all = await lineViews(context, { tenantId, subscriptionId, at: at ?? context.caller.now });
    const views = all
      .filter((view) => billingKind === undefined || view.billingKind === billingKind)
      .filter((view) => status === undefined || view.status === status)
      .filter((view) => quarantined === undefined || (view.quarantine !== null) === (quarantined === 'true'));
    return pageOfAll(views, page, context.position, orderOf(all));
  },
});

export const line = defineQuery({
  name: 'line',
  summary: 'One line or part; a line that was cut comes with its parts',
  path: 'lines/:id',
  params: zAsOf.extend({ id: zId, ...zAt }),
  roles: READERS,
  answer: zLineWithParts,
  example: { id: LINE, at: MID_APRIL },
  async handle({ id, at }, context) {
    const views = await lineViews(context, { ...(await ownerOf(context, id)), at: at ?? context.caller.now });
    const found = views.find(({ lineId }) => lineId === id);
    if (found === undefined) throw notFound('unknown_line', `there is no line ${id}`);
    if (found.status === 'valid') return found;
    const parts = views.filter(({ parentLineId }) => parentLineId === id);
    return { ...found, parts, partsNet: netText(parts, found.currency) };
  },
});

/** What is billed, by part: the frozen rows, and the quantity that they were last computed from. */
interface Booked {
  readonly rows: ReadonlyMap<string, readonly FrozenRow[]>;
  readonly quantities: ReadonlyMap<string, string>;
}

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
    quantity: part.issued ? (booked.quantities.get(part.partId) ?? part.quantity) : part.quantity,
    ...amountsOf(part, line, booked.rows.get(part.partId)),
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
function amountsOf(
  part: RatedTile,
  line: LineDefinition,
  booked: readonly FrozenRow[] | undefined,
): Pick<LineView, 'rows' | 'net'> {
  if (booked !== undefined)
    return { rows: booked.map((row) => printFrozen(row, line.currency)), net: netText(booked, line.currency) };
  const rows = printRated(part.rows, line.currency);
  return { rows, net: netText(rows, line.currency) };
}

async function bookedByPart(context: QueryContext, tenantId: string): Promise<Map<string, FrozenRow[]>> {
  const { rows } = await context.core.pool.query<{ row: FrozenRow }>(
    `SELECT r.row FROM invoices i JOIN invoice_rows r ON r.invoice_id = i.invoice_id AND r.attempt = i.rows_attempt
     WHERE i.tenant_id = $2 AND i.status IN ('issued', 'paid') AND i.position_from <= $1 AND (i.position_to IS NULL OR i.position_to > $1) ORDER BY i.ordinal, r.n`,
    [context.position, tenantId],
  );
  const byPart = Map.groupBy(
    rows.map(({ row }) => row),
    ({ partId }) => partId,
  );
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

/**
 * Every issued invoice restates what changed before it, so what stands of a part is as it was known when the last was
 * computed: its quantity too.
 */
async function bookedOf(
  context: QueryContext,
  tenantId: string,
  lines: readonly LineDefinition[],
  recorded: ReadonlyMap<string, readonly RecordedPart[]>,
): Promise<Booked> {
  const rows = await bookedByPart(context, tenantId);
  const { rows: last } = await context.core.pool.query<{ at: number | null }>(
    `SELECT max(computed_at) AS at FROM invoices WHERE tenant_id = $2 AND status IN ('issued', 'paid') AND position_from <= $1 AND (position_to IS NULL OR position_to > $1)`,
    [context.position, tenantId],
  );
  const at = last[0]?.at ?? null;
  const issued = lines.filter(({ lineId }) => recorded.get(lineId)?.some((part) => part.issued) === true);
  return { rows, quantities: at === null ? new Map() : await partQuantities(context.core, at, issued, recorded) };
}

/** Tenants whose lines are asked for: the one, the one that is visible, or all; registered by then. */
async function tenantsFor(context: QueryContext, tenantId: string | undefined): Promise<string[]> {
  const visible = await visibleTenant(context, tenantId);
  let query = context.core.db.selectFrom('tenants').select('tenant_id').where(inForceAt(context.position));
  if (visible !== null) query = query.where('tenant_id', '=', visible);
  const rows = await query.orderBy('tenant_id').execute();
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
    const recorded = await recordedParts(context.core, context.position, tenantId);
    const rated = await rateLines(
      context.core,
      context.position,
      lines,
      recorded,
      filter.at,
      () => account.currency,
      await couponsOfLines(context.core, context.position, [tenantId]),
    );
    const booked = await bookedOf(context, tenantId, lines, recorded);
    views.push(...rated.flatMap((each) => viewsOf(each, booked)));
  }
  return views;
}

async function assertVisibleSubscription({ core, confinedTo }: QueryContext, subscriptionId: string): Promise<void> {
  let query = core.db
    .selectFrom('subscriptions')
    .innerJoin('deployment_assignments', 'deployment_assignments.deployment_id', 'subscriptions.deployment_id')
    .select('subscription_id')
    .where('subscription_id', '=', subscriptionId);
  if (confinedTo !== null) query = query.where('tenant_id', '=', confinedTo);
  if ((await query.executeTakeFirst()) === undefined)
    throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
}

/** By tenant, subscription and billing kind, then in order of time: each cut line followed by its parts. */
function orderOf(views: readonly LineView[]): (view: LineView) => string {
  const startOf = new Map(
    views.flatMap(({ lineId, parentLineId, period }) =>
      parentLineId === null ? [[lineId, period.start] as const] : [],
    ),
  );
  return ({ tenantId, subscriptionId, billingKind, lineId, parentLineId, period }) => {
    const root = parentLineId ?? lineId;
    return JSON.stringify([
      tenantId,
      subscriptionId,
      billingKind,
      startOf.get(root) ?? period.start,
      root,
      parentLineId === null ? '' : period.start,
    ]);
  };
}

/** Whose line it is, where it was opened; one that is only derived so far is looked for among all. */
async function ownerOf(
  { core, position, confinedTo }: QueryContext,
  id: string,
): Promise<{ tenantId?: string; subscriptionId?: string }> {
  if (!isUuid(id)) throw notFound('unknown_line', `there is no line ${id}`);
  const line = await core.db
    .selectFrom('invoice_lines')
    .select(['tenant_id', 'subscription_id'])
    .where('line_id', '=', id)
    .where(inForceAt(position))
    .executeTakeFirst();
  if (line === undefined) return {};
  if (confinedTo !== null && line.tenant_id !== confinedTo) throw notFound('unknown_line', `there is no line ${id}`);
  return { tenantId: line.tenant_id, subscriptionId: line.subscription_id };
}
