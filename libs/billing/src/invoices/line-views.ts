import { compareText } from '#domain/compare-text';
import type { FrozenRow } from '#domain/invoices/invoice';
import type { LineDefinition } from '#domain/lines/line';
import { type RecordedPart, type TiledPart, tiles } from '#domain/lines/parts';
import { mayBeQuarantined } from '#domain/lines/rate';
import { decimal } from '#domain/money/decimal';
import { needsRates } from '#domain/prices/price';
import { moneyText } from '#domain/money/money';
import { printRated, type PrintedRow } from '#domain/rating/row';
import type { Instant } from '#domain/time/instant';
import { overlaps, type Period } from '#domain/time/period';
import { type Page, pageOfAll, type QueryContext } from '#ledger/query';
import { readIssuedParts, readLastComputed } from '#projections/invoices/invoices.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { billedCurrency } from './accounts.js';
import { couponsOfLines } from './billing-facts.js';
import { readLines } from './contracts.js';
import { loadUsageAt } from './line-usage.js';
import { recordedPartsOf } from './parts.js';
import {
  type LineToRate,
  netText,
  type PartsOfLine,
  printFrozen,
  quantitiesOf,
  type RatedLine,
  type RatedTile,
  rateLines,
  rateOne,
  usageOfParts,
  usageToRate,
} from './rated-lines.js';

/** A line or part as shown. */
export interface LineView {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly status: 'valid' | 'split';
  readonly invoiceId: string | null;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly filter: LineDefinition['filter'];
  readonly currency: string;
  readonly period: { readonly start: Instant; readonly end: Instant };
  readonly quantity: string;
  readonly rows: readonly (PrintedRow | ReturnType<typeof printFrozen>)[];
  readonly net: string;
  readonly quarantine: { readonly code: string; readonly message: string } | null;
}

/** Which lines. What is not given does not limit them. */
export interface LinesAsked {
  /** null: of all tenants. */
  readonly tenantId: string | null;
  readonly subscriptionId?: string | undefined;
  readonly billingKind?: string | undefined;
  readonly status?: 'valid' | 'split' | undefined;
  /** Only those on an invoice or a draft, or only those on none. A split line is on none: its parts are. */
  readonly isBilled?: boolean | undefined;
  /** Only those that can't be rated, or only those that can. */
  readonly isQuarantined?: boolean | undefined;
  /** Open parts are rated up to this instant. */
  readonly at: Instant;
}

/** A line or part with its place in the list, before it is rated. */
interface Entry {
  readonly id: string;
  readonly line: LineDefinition;
  readonly status: 'valid' | 'split';
  readonly isBilled: boolean;
  readonly period: Period;
  /** The currency that the line is billed in. */
  readonly currency: string;
  readonly key: string;
}

/** A page of lines and their parts. Only lines on the page are rated, unless the filter itself needs rating. */
export async function lineViews(
  context: QueryContext,
  asked: LinesAsked,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<LineView>> {
  const entries = (await entriesOf(context, { ...asked, mayBeQuarantined: asked.isQuarantined === true }))
    .filter(({ line }) => asked.billingKind === undefined || line.billingKind === asked.billingKind)
    .filter(({ status }) => asked.status === undefined || status === asked.status)
    .filter(({ isBilled }) => asked.isBilled === undefined || isBilled === asked.isBilled);
  const chosen = asked.isQuarantined === undefined ? entries : await quarantinedOf(context, asked, entries);
  const { items, nextCursor } = pageOfAll(chosen, page, context.position, ({ key }) => key);
  return { items: await viewsOf(context, asked.at, items), nextCursor };
}

/** A line or part that can't be rated, and why. */
export interface QuarantinedPart extends Pick<LineView, 'tenantId' | 'deploymentId' | 'billingKind' | 'lineId'> {
  readonly reason: string;
}

/** The parts of a month, in one currency, that can't be rated up to an instant. Only those of the month are rated. */
export async function quarantinedParts(
  context: QueryContext,
  { month, currency, at }: { readonly month: Period; readonly currency: string; readonly at: Instant },
): Promise<QuarantinedPart[]> {
  const entries = (await entriesOf(context, { tenantId: null, at, mayBeQuarantined: true })).filter(
    (entry) => entry.status === 'valid' && entry.currency === currency && overlaps(entry.period, month),
  );
  const reasons = await reasonsOf(context, at, entries);
  return entries
    .sort((a, b) => compareText(a.key, b.key))
    .flatMap(({ id, line: { tenantId, deploymentId, billingKind, lineId } }) => {
      const reason = reasons.get(lineId);
      return reason === undefined ? [] : [{ tenantId, deploymentId, billingKind, lineId: id, reason }];
    });
}

/** A line or part by its id, followed by the parts of a line that was cut. Empty: it does not exist. */
export async function lineWithParts(
  context: QueryContext,
  asked: Pick<LinesAsked, 'tenantId' | 'subscriptionId' | 'at'>,
  id: string,
): Promise<LineView[]> {
  const entries = await entriesOf(context, asked);
  const found = entries.find((entry) => entry.id === id);
  if (found === undefined) return [];
  const parts = found.status === 'valid' ? [] : entries.filter(({ line }) => line.lineId === id);
  return viewsOf(context, asked.at, [found, ...parts.filter((part) => part !== found)]);
}

/**
 * All lines up to an instant with their parts, from contracts and cuts. No usage is read. With `mayBeQuarantined`: only
 * lines that can be quarantined at all.
 */
async function entriesOf(
  { core, position }: QueryContext,
  {
    tenantId,
    subscriptionId,
    at,
    mayBeQuarantined: only = false,
  }: Pick<LinesAsked, 'tenantId' | 'subscriptionId' | 'at'> & { readonly mayBeQuarantined?: boolean },
): Promise<Entry[]> {
  const tenantIds = tenantId === null ? null : [tenantId];
  const tenants = await readTenants(core.db, position, tenantIds);
  const billedAs = new Map(tenants.map((row) => [row.tenant_id, row]));
  const currencyOf = (line: { readonly tenantId: string; readonly currency: string }): string => {
    const tenant = billedAs.get(line.tenantId);
    return tenant === undefined ? line.currency : billedCurrency(tenant, line);
  };
  const lines = await readLines(
    core,
    position,
    tenantIds,
    ({ versions, commitments }, of) =>
      !only ||
      commitments.length > 0 ||
      versions.some(
        ({ currency, items }) =>
          currencyOf({ tenantId: of, currency }) !== currency || items.some(({ price }) => needsRates(price)),
      ),
  );
  const wanted = tenants
    .flatMap(({ tenant_id, time_zone: timeZone }) =>
      lines({ account: { tenantId: tenant_id, timeZone }, position, until: at }),
    )
    .filter((line) => subscriptionId === undefined || line.subscriptionId === subscriptionId)
    .filter((line) => !only || mayBeQuarantined(line, currencyOf(line)));
  const ids = only
    ? { lineIds: wanted.map(({ lineId }) => lineId) }
    : { tenantIds: tenants.map(({ tenant_id }) => tenant_id) };
  const recorded = Map.groupBy(await recordedPartsOf(core, position, ids), ({ lineId }) => lineId);
  return wanted.flatMap((line) => entriesOfLine(line, recorded.get(line.lineId) ?? [], currencyOf(line)));
}

/** By tenant, subscription and billing kind, then by time. The parts of a cut line follow it. */
function entriesOfLine(line: LineDefinition, recorded: readonly RecordedPart[], currency: string): Entry[] {
  const keyOf = (start: Instant | ''): string =>
    JSON.stringify([line.tenantId, line.subscriptionId, line.billingKind, line.period.start, line.lineId, start]);
  const parts = tiles(line, recorded);
  const isSplit = isCut(line, parts);
  const valid = parts.map(({ partId, period, invoiceId }): Entry => ({
    ...{
      id: partId,
      line,
      status: 'valid',
      isBilled: invoiceId !== null,
      period,
      currency,
      key: keyOf(isSplit ? period.start : ''),
    },
  }));
  return isSplit
    ? [
        { id: line.lineId, line, status: 'split', isBilled: false, period: line.period, currency, key: keyOf('') },
        ...valid,
      ]
    : valid;
}

/** A line that was billed whole and continues has two parts, of which the first has the line's id. */
const isCut = ({ lineId }: LineDefinition, parts: readonly TiledPart[]): boolean =>
  parts.length > 1 || parts.some(({ partId }) => partId !== lineId);

async function quarantinedOf(
  context: QueryContext,
  { isQuarantined, at }: LinesAsked,
  entries: readonly Entry[],
): Promise<Entry[]> {
  const reasons = await reasonsOf(context, at, entries);
  return entries.filter(({ line }) => reasons.has(line.lineId) === isQuarantined);
}

/** By line: why it can't be rated. Lines that can be rated have no entry. */
async function reasonsOf(
  context: QueryContext,
  at: Instant,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, string>> {
  const toRate = await toBeRated(
    context,
    at,
    entries.filter(({ line, currency }) => mayBeQuarantined(line, currency)),
  );
  const rated = await rateLines(context.core, context.position, toRate);
  return new Map(
    rated.flatMap(({ line, quarantined }) => (quarantined === null ? [] : [[line.lineId, quarantined.message]])),
  );
}

/** The lines of entries, each once. */
async function toBeRated(
  { core, position }: QueryContext,
  at: Instant,
  entries: readonly Entry[],
): Promise<LineToRate[]> {
  const lines = [...new Map(entries.map((entry) => [entry.line.lineId, entry])).values()];
  const lineIds = lines.map(({ line }) => line.lineId);
  const recorded = Map.groupBy(await recordedPartsOf(core, position, { lineIds }), ({ lineId }) => lineId);
  const tenantIds = [...new Set(lines.map(({ line }) => line.tenantId))];
  const couponsOf = await couponsOfLines(core, position, tenantIds);
  return lines.map(({ line, currency }) => ({
    ...{ line, recorded: recorded.get(line.lineId) ?? [], at, currency, coupons: couponsOf(line), taxes: [] },
  }));
}

/** The view of each entry, in a constant number of statements. */
async function viewsOf(context: QueryContext, at: Instant, entries: readonly Entry[]): Promise<LineView[]> {
  const { core, position } = context;
  const toRate = await toBeRated(context, at, entries);
  const billed = await billedParts(context, toRate);
  const usage = await loadUsageAt(core, [
    ...toRate.flatMap((each) => usageToRate(each, position)),
    ...billed.flatMap(usageOfParts),
  ]);
  const quantities = new Map(billed.flatMap((each) => quantitiesOf(each, usage)));
  const rated = toRate.map((each) => rateOne(each, usage(each.line, position)));
  const currencyOf = new Map(rated.flatMap(({ line, parts }) => parts.map(({ partId }) => [partId, line.currency])));
  const rows = await bookedByPart(context, currencyOf);
  const views = new Map(
    rated
      .flatMap((each) => printLine(each, { rows, quantities }))
      .map((view) => [`${view.status} ${view.lineId}`, view]),
  );
  return entries.flatMap(({ id, status }) => views.get(`${status} ${id}`) ?? []);
}

/**
 * The parts of lines that have an issued part. Every issued invoice restates what changed before it. So a part, and
 * its quantity, stand as known when the last invoice of the tenant was computed.
 */
async function billedParts({ core, position }: QueryContext, lines: readonly LineToRate[]): Promise<PartsOfLine[]> {
  const billed = lines.filter(({ recorded }) => recorded.some(({ issued }) => issued));
  const tenantIds = [...new Set(billed.map(({ line }) => line.tenantId))];
  const last = new Map(
    (await readLastComputed(core.db, position, tenantIds)).map((row) => [row.tenant_id, row.computed_at]),
  );
  return billed.flatMap(({ line, recorded }) => {
    const computedAt = last.get(line.tenantId);
    return computedAt === undefined ? [] : [{ line, parts: tiles(line, recorded), position: computedAt }];
  });
}

async function bookedByPart(
  { core, position }: QueryContext,
  currencyOf: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, readonly FrozenRow[]>> {
  const issued = await readIssuedParts(core.db, position, [...currencyOf.keys()]);
  const parts = Map.groupBy(
    issued.filter(({ part_id, currency }) => currencyOf.get(part_id) === currency),
    ({ part_id }) => part_id,
  );
  return new Map([...parts].map(([partId, of]) => [partId, of.flatMap(({ row }) => row ?? [])]));
}

/** By part: the frozen rows, and the quantity that they were last computed from. */
interface Booked {
  readonly rows: ReadonlyMap<string, readonly FrozenRow[]>;
  readonly quantities: ReadonlyMap<string, string>;
}

/** A cut line groups its parts, and counts in no calculation. The parts follow it with their amounts. */
function printLine({ line, parts, quarantined }: RatedLine, booked: Booked): LineView[] {
  const shared = {
    tenantId: line.tenantId,
    subscriptionId: line.subscriptionId,
    deploymentId: line.deploymentId,
    billingKind: line.billingKind,
    filter: line.filter,
    currency: line.currency,
    quarantine: quarantined === null ? null : { code: quarantined.code, message: quarantined.message },
  };
  const isSplit = isCut(line, parts);
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

/** A billed part shows its frozen rows, with the corrections booked since. An open part is rated. */
function amountsOf(
  part: RatedTile,
  line: LineDefinition,
  booked: readonly FrozenRow[] | undefined,
): Pick<LineView, 'rows' | 'net'> {
  if (part.issued && booked !== undefined)
    return { rows: booked.map((row) => printFrozen(row, line.currency)), net: netText(booked, line.currency) };
  const rows = printRated(part.rows, line.currency);
  return { rows, net: netText(rows, line.currency) };
}
