import { compareText } from '#domain/compare-text';
import { isCommitment, type LineDefinition } from '#domain/lines/line';
import { type Decimal, decimal, sum, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { compareInstants, lastInstantBefore, later } from '#domain/time/instant';
import { monthNamed, overlaps, type Period } from '#domain/time/period';
import { numberOf } from '../explain/issued.js';
import { marginIn, marginMonths } from '#billing/costs/margin-month';
import { type RatedAt, ratedAt } from '#billing/preview/preview';
import { type FromLog, within, withPruned } from '#billing/usage/pruned-usage';
import { readSharingOver, type SharingThen } from '#projections/cost-sharing/cost-sharing.read';
import { readCostChanges } from '#projections/costs/costs.read';
import { readPooledDeployments } from '#projections/deployments/pooled-deployments.read';
import { readChangedLines, readLineChanges } from '#projections/invoice-lines/line-changes.read';
import { type InvoiceChange, readInvoiceChanges } from '#projections/invoices/issued-invoices.read';
import { readRevenueChanges } from '#projections/margins/margins.read';
import { type PayerChange, readPayerChanges } from '#projections/payers/payers.read';
import { readUsageChanges } from '#projections/usage-records/usage-history.read';
import { changedIn, explained, type Explaining, type Span } from './span.js';

export interface InvoiceDifference extends Explaining {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly tenantId: string;
  readonly currency: string;
  readonly before: InvoiceThen | null;
  readonly after: InvoiceThen | null;
}
interface InvoiceThen {
  readonly status: string;
  readonly total: string | null;
  readonly amountDue: string | null;
}

/** Invoices that were drafted, issued, paid, voided or credited. */
export async function invoiceDifferences(span: Span): Promise<InvoiceDifference[]> {
  const changes = await readInvoiceChanges(span.context.core.db, changedIn(span));
  return explained(
    span,
    changes.map((row) => ({
      difference: {
        invoiceId: row.invoice_id,
        number: numberOf(row.ordinal),
        tenantId: row.tenant_id,
        currency: row.currency,
        before: invoiceThen(row, 'before'),
        after: invoiceThen(row, 'after'),
      },
      positions: row.positions,
    })),
  );
}

function invoiceThen(row: InvoiceChange, when: 'before' | 'after'): InvoiceThen | null {
  const [status, total, due] = [row[`${when}_status`], row[`${when}_total`], row[`${when}_due`]];
  const money = (amount: string | null): string | null =>
    amount === null ? null : moneyText(decimal(amount), row.currency);
  return status === null ? null : { status, total: money(total), amountDue: money(due) };
}

export interface LineDifference extends Explaining {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly currency: string;
  readonly period: Period;
  /** What the part comes to as known then, and as known now; null: it was not there, or no longer is. */
  readonly before: string | null;
  readonly after: string | null;
  readonly difference: string;
}

/** Deployments whose lines are compared together. */
const DEPLOYMENTS_AT_ONCE = 500;

/** Lines and parts that were added, cut or removed, or come to another amount, up to the instant of the request. */
export async function lineDifferences(span: Span, { versions }: FromLog): Promise<LineDifference[]> {
  const { db } = span.context.core;
  const own = [...(await readChangedLines(db, changedIn(span))), ...versions];
  const payers = await readPayerChanges(db, changedIn(span));
  const pooled = await readPooledDeployments(db, {
    deploymentIds: own.map((each) => each.deployment_id),
    tenantIds: payers.flatMap(({ tenant_id, payer_id }) => [tenant_id, payer_id ?? tenant_id]),
  });
  const changes = [...own, ...pooled.map((deployment_id) => ({ deployment_id, billing_kind: null }))];
  const kindsOf = new Map(
    [...Map.groupBy(changes, (each) => each.deployment_id)].map(([deploymentId, each]) => [
      deploymentId,
      new Set(each.map((change) => change.billing_kind)),
    ]),
  );
  const deploymentIds = [...kindsOf.keys()].sort();
  // The lines that can't have changed are not rated.
  const mayDiffer = (line: LineDefinition): boolean => {
    const kinds = kindsOf.get(line.deploymentId);
    return kinds !== undefined && (kinds.has(null) || kinds.has(line.billingKind) || isCommitment(line));
  };
  const differences: LineDifference[] = [];
  for (let first = 0; first < deploymentIds.length; first += DEPLOYMENTS_AT_ONCE) {
    const some = deploymentIds.slice(first, first + DEPLOYMENTS_AT_ONCE);
    differences.push(...(await lineDifferencesOf(span, some, { mayDiffer, payers })));
  }
  return differences.sort((a, b) => compareText(a.tenantId, b.tenantId));
}

async function lineDifferencesOf(
  span: Span,
  deploymentIds: readonly string[],
  {
    mayDiffer,
    payers,
  }: { readonly mayDiffer: (line: LineDefinition) => boolean; readonly payers: readonly PayerChange[] },
): Promise<LineDifference[]> {
  const { core, caller } = span.context;
  const which = { isWanted: mayDiffer };
  const [before, after] = await ratedAt(core, [span.from, span.to], deploymentIds, caller.now, which);
  const parts = [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)];
    const shown = now ?? old;
    return shown === undefined || isSame(old, now) ? [] : [{ old, now, ...shown }];
  });
  // A cut moves an amount from one part to another: it is neither a loss nor a gain, and is left out.
  const cut = new Set(
    [...Map.groupBy(parts, ({ line }) => lineKey(line))]
      .filter(([, ofLine]) => isMerelyCut(ofLine))
      .map(([key]) => key),
  );
  const changed = parts.filter(({ line }) => !cut.has(lineKey(line)));
  const [periodsBefore, periodsAfter] = [periodsOf(before), periodsOf(after)];
  const found = await positionsOfLines(
    span,
    changed.map(({ old, now, line }) => ({
      ...{ ...line, period: reachOf(line, periodsBefore, periodsAfter) },
      pool: [...(old?.line.pool ?? []), ...(now?.line.pool ?? [])],
    })),
  );
  const positions = changed.map(({ old, now }, index) => [
    ...(found[index] ?? []),
    ...payersOfPools([old, now], payers).map(({ position }) => position),
  ]);
  return explained(
    span,
    changed.map(({ old, now, line, part }, index) => {
      const money = (net: Decimal): string => moneyText(net, line.currency);
      return {
        difference: {
          lineId: part.partId,
          parentLineId: part.partId === line.lineId ? null : line.lineId,
          tenantId: line.tenantId,
          deploymentId: line.deploymentId,
          billingKind: line.billingKind,
          currency: line.currency,
          period: part.period,
          before: old === undefined ? null : money(old.net),
          after: now === undefined ? null : money(now.net),
          difference: money((now?.net ?? ZERO).minus(old?.net ?? ZERO)),
        },
        positions: positions[index] ?? [],
      };
    }),
  );
}

/** The changes of payers by which a line came to share with others, or no longer does. */
function payersOfPools(of: readonly (RatedAt | undefined)[], payers: readonly PayerChange[]): PayerChange[] {
  const tenants = new Set(of.flatMap((each) => (each?.line.pool ?? []).map(({ tenantId }) => tenantId)));
  return payers.filter(({ tenant_id }) => tenants.has(tenant_id));
}

/**
 * The period of a line as it was and as it is. A line that is only there before or after also depends on what holds
 * right before it: it may have begun earlier, or later.
 */
function reachOf({ lineId, period }: LineDefinition, before: PeriodsOfLines, after: PeriodsOfLines): Period {
  const [old, now] = [before.get(lineId), after.get(lineId)];
  if (old === undefined || now === undefined) return { start: lastInstantBefore(period.start), end: period.end };
  return { start: period.start, end: later(old.end, now.end) };
}

type PeriodsOfLines = ReadonlyMap<string, Period>;
const periodsOf = (rated: ReadonlyMap<string, RatedAt>): PeriodsOfLines =>
  new Map([...rated.values()].map(({ line }) => [line.lineId, line.period]));

const lineKey = ({ lineId, currency }: LineDefinition): string => JSON.stringify([lineId, currency]);

const isSame = (old: RatedAt | undefined, now: RatedAt | undefined): boolean =>
  old !== undefined && now !== undefined && old.net.eq(now.net) && old.part.period.end === now.part.period.end;

type ChangedPart = { readonly old: RatedAt | undefined; readonly now: RatedAt | undefined };

/** Whether a line was there before, and its changed parts come to the same amount up to the same end. */
function isMerelyCut(parts: readonly ChangedPart[]): boolean {
  const [old, now] = [parts.flatMap((each) => each.old ?? []), parts.flatMap((each) => each.now ?? [])];
  const isAllSame = sum(old.map(({ net }) => net)).eq(sum(now.map(({ net }) => net)));
  return old.length > 0 && now.length > old.length && isAllSame && endOf(old) === endOf(now);
}

const endOf = (parts: readonly RatedAt[]): string | undefined =>
  parts
    .map(({ part }) => part.period.end)
    .sort(compareInstants)
    .at(-1);

/** Where that changed which each line is rated from: its readings and their rates, its plans, contract and cuts. */
async function positionsOfLines(span: Span, lines: readonly LineDefinition[]): Promise<readonly (readonly number[])[]> {
  if (lines.length === 0) return [];
  const { core } = span.context;
  const spanOf = ({ deploymentId, billingKind, period }: LineDefinition) => ({
    deploymentId,
    billingKind,
    ...period,
  });
  // What a commitment is rated from changes with the lines that it counts, and a pool with all of its lines.
  const all = lines.flatMap((line, of) =>
    [line, ...(line.counted ?? [])].flatMap((each) => [each, ...(each.pool ?? [])]).map((each) => ({ of, line: each })),
  );
  const found = await withPruned(
    core,
    all.map(({ line }) => spanOf(line)),
    async (pruned) => {
      const rated = all.map(({ line }) => ({
        ...line,
        planIds: line.segments.map(({ planId }) => planId),
        logged: within(pruned, spanOf(line)),
      }));
      return readLineChanges(core.db, changedIn(span), rated);
    },
  );
  const ofLine = Map.groupBy(found, ({ index }) => all[index]?.of);
  return lines.map((_, index) => (ofLine.get(index) ?? []).map(({ position }) => position));
}

interface Figures {
  readonly revenue: string;
  readonly cogs: string;
  /** The part of the cost that policies share. */
  readonly sharedCogs: string;
  readonly margin: string;
}
export interface MarginDifference extends Explaining {
  readonly month: string;
  readonly currency: string;
  /** null: overall. */
  readonly tenantId: string | null;
  readonly before: Figures;
  readonly after: Figures;
}

/** Months whose margin differs, overall and by tenant. `pruned`: readings that only the log has. */
export async function marginDifferences(span: Span, pruned: FromLog): Promise<MarginDifference[]> {
  const { context, from, to } = span;
  const at = { ...context, position: to };
  const sharing = await sharingOver(span, pruned);
  const known = await marginMonths(at, from);
  // Cost is shared by usage, which may change alone.
  const byUsage = sharing.monthsOfUsage.size === 0 ? [] : await marginMonths(at);
  const months = byUsage.filter(({ month }) => sharing.monthsOfUsage.has(month)).concat(known);
  const distinct = new Map(months.map((each) => [`${each.month} ${each.currency}`, each]));
  const differences: MarginDifference[] = [];
  for (const [, { month, currency }] of [...distinct].sort(([a], [b]) => compareText(a, b)))
    differences.push(...(await marginDifferencesOf(span, sharing, month, currency)));
  return differences;
}

/** The policies between two positions, and where the usage changed that they share cost by. */
interface SharingOver {
  readonly policies: readonly SharingThen[];
  readonly monthsOfUsage: ReadonlyMap<string, readonly number[]>;
}

async function sharingOver(span: Span, { versions }: FromLog): Promise<SharingOver> {
  const { db } = span.context.core;
  const policies = await readSharingOver(db, { first: span.from, last: span.to });
  const kinds = new Set(policies.flatMap(({ billingKind }) => billingKind ?? []));
  const changes = kinds.size === 0 ? [] : await readUsageChanges(db, changedIn(span), versions);
  const months = Map.groupBy(
    changes.filter((each) => kinds.has(each.billing_kind)),
    ({ month }) => month,
  );
  return {
    policies,
    monthsOfUsage: new Map([...months].map(([month, of]) => [month, of.flatMap(({ positions }) => positions)])),
  };
}

async function marginDifferencesOf(
  span: Span,
  sharing: SharingOver,
  month: string,
  currency: string,
): Promise<MarginDifference[]> {
  const { context, from, to } = span;
  const period = monthNamed(month);
  const before = await marginIn({ ...context, position: from }, period, currency);
  const after = await marginIn({ ...context, position: to }, period, currency);
  const nothing = moneyText(ZERO, currency);
  const none = { revenue: nothing, cogs: nothing, sharedCogs: nothing, margin: nothing };
  const figures = ({ revenue, cogs, sharedCogs, margin }: Figures = none): Figures => ({
    ...{ revenue, cogs, sharedCogs, margin },
  });
  const ofTenant = ({ byTenant }: typeof before, tenantId: string): Figures =>
    figures(byTenant.find((each) => each.tenantId === tenantId));
  const tenants = [...new Set([...before.byTenant, ...after.byTenant].map(({ tenantId }) => tenantId))].sort();
  const all = [
    { tenantId: null, before: figures(before.overall), after: figures(after.overall) },
    ...tenants.map((tenantId) => ({
      tenantId,
      before: ofTenant(before, tenantId),
      after: ofTenant(after, tenantId),
    })),
  ];
  const changed = all.filter(
    ({ before: old, after: now }) =>
      old.revenue !== now.revenue || old.cogs !== now.cogs || old.sharedCogs !== now.sharedCogs,
  );
  if (changed.length === 0) return [];
  const positionsOf = await positionsOfMonth(span, sharing, month, currency);
  return explained(
    span,
    changed.map((difference) => ({
      difference: { month, currency, ...difference },
      positions: positionsOf(difference.tenantId),
    })),
  );
}

/**
 * Where a tenant's revenue (null: anyone's) was booked and cost recorded, and where it changed who bears the cost. With
 * shared cost, what concerns one tenant concerns all.
 */
async function positionsOfMonth(
  span: Span,
  { policies, monthsOfUsage }: SharingOver,
  month: string,
  currency: string,
): Promise<(tenantId: string | null) => readonly number[]> {
  const { db } = span.context.core;
  const period = monthNamed(month);
  const revenue = await readRevenueChanges(db, changedIn(span), { month, currency });
  const costs = await readCostChanges(db, changedIn(span), { period, currency });
  const sharing = policies.filter((policy) => overlaps(policy.period, period));
  const shared = sharing.length === 0 ? [] : (monthsOfUsage.get(month) ?? []);
  return (tenantId) => [
    ...new Set(costs.map(({ position }) => position)),
    ...sharing.flatMap(({ positions }) => positions),
    ...shared,
    ...revenue.flatMap((row) =>
      tenantId === null || sharing.length > 0 || row.tenant_id === tenantId ? [row.position] : [],
    ),
  ];
}
