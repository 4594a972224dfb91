import { type AlertTerms, MARGINS } from '#domain/margin/alert-rule';
import {
  type AlertSubject,
  type EvaluatedPeriod,
  costOffAverage,
  type Judged,
  type JudgedSubject,
  marginBelow,
  marginDrop,
  unattributedAbove,
} from '#domain/margin/alerts';
import type { Margin } from '#domain/margin/margin';
import { type Decimal, decimal, ZERO } from '#domain/money/decimal';
import { lastTermsIn, type TermsPeriod } from '#domain/terms/terms';
import { type Instant, isBefore, plusHours } from '#domain/time/instant';
import { dayOf, monthOf, type Period, piecesOf } from '#domain/time/period';
import type { QueryContext } from '#ledger/query';
import { type DailyCost, readDailyCosts } from '#projections/costs/daily-costs.read';
import { monthName } from '#projections/costs/charged.read';
import { readMonthsEarningOtherwise } from '#projections/margins/margins.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { marginsByGrain } from '../costs/margin-month.js';
import { awaitedInvoices, type Awaits } from './awaited-invoices.js';

/** UTC months of a currency in which figures may have changed. */
export interface MonthsToJudge {
  readonly currency: string;
  readonly months: readonly Period[];
}

/** What rules say of months and their days: the subjects by rule, and which periods of which currency were judged. */
export interface Judgement {
  readonly subjects: ReadonlyMap<string, readonly JudgedSubject[]>;
  readonly isEvaluated: (of: EvaluatedPeriod) => boolean;
}

type Rules = ReadonlyMap<string, readonly TermsPeriod<AlertTerms>[]>;

const OVERALL: Omit<AlertSubject, 'period'> = { tenantId: null, provider: null, kind: null };

/**
 * Judges the months, those after them, and the days of both and of the averages that they are in, by all rules in their
 * currency. A month counts for margins once it has ended, a day for costs likewise.
 */
export async function judged(
  context: QueryContext,
  rules: Rules,
  changed: readonly MonthsToJudge[],
): Promise<Judgement> {
  const subjects = new Map<string, JudgedSubject[]>();
  const evaluated = new Set<string>();
  for (const { currency, months } of changed) {
    const [looked, all] = monthsAround(months);
    for (const month of looked) evaluated.add(keyOf({ currency, period: month.start.slice(0, 7) }));
    const margins = new Map(
      (await marginsByGrain(context, all, currency, 'tenant')).map((margin, index) => [all[index]?.start, margin]),
    );
    // A margin is judged once its month has ended.
    const isNeeded = hasMargins(rules, currency) && looked.some(({ end }) => !isBefore(context.caller.now, end));
    const awaits = isNeeded ? await awaitedInvoices(context, all, currency) : never;
    const earnsElsewhere = isNeeded ? await earningElsewhere(context, looked, currency) : never;
    const days = await daysIn(context, rules, { currency, months: looked });
    for (const day of days.looked) evaluated.add(keyOf({ currency, period: day.start.slice(0, 10) }));
    for (const [alertId, versions] of rules) {
      const found = subjects.get(alertId) ?? [];
      subjects.set(alertId, found);
      for (const month of looked) {
        const terms = lastTermsIn(versions, month)?.terms;
        if (terms?.currency === currency)
          found.push(...judgedMonth(terms, { month, at: context.caller.now, margins, awaits, earnsElsewhere }));
      }
      for (const day of days.looked) {
        const terms = lastTermsIn(versions, day)?.terms;
        if (terms?.when === 'cost_off_average' && terms.currency === currency)
          found.push(...judgedDay(terms, day, days.costs));
      }
    }
  }
  return { subjects, isEvaluated: (of) => evaluated.has(keyOf(of)) };
}

const keyOf = ({ currency, period }: EvaluatedPeriod): string => JSON.stringify([currency, period]);

/** The months and those after them, and these with those before them, each once and in order. */
function monthsAround(months: readonly Period[]): [Period[], Period[]] {
  const unique = (of: readonly Period[]): Period[] =>
    [...new Map(of.map((month) => [month.start, month])).values()].sort((a, b) => (a.start < b.start ? -1 : 1));
  const looked = unique(months.flatMap((month) => [month, monthOf(month.end)]));
  return [looked, unique(looked.flatMap((month) => [monthBefore(month), month]))];
}

const never = (): boolean => false;

const monthBefore = ({ start }: Period): Period => monthOf(plusHours(start, -1));

const hasMargins = (rules: Rules, currency: string): boolean =>
  [...rules.values()].flat().some(({ terms }) => terms.currency === currency && MARGINS.includes(terms.when));

interface MonthToJudge {
  readonly month: Period;
  readonly at: Instant;
  readonly margins: ReadonlyMap<Instant | undefined, Margin>;
  readonly awaits: Awaits;
  readonly earnsElsewhere: EarnsElsewhere;
}

/** Whether a tenant, or (null) all of them in a month, are billed in another currency. */
type EarnsElsewhere = (month: Period, tenantId: string | null) => boolean;

async function earningElsewhere(
  { core, position }: QueryContext,
  months: readonly Period[],
  currency: string,
): Promise<EarnsElsewhere> {
  const tenants = await readTenants(core.db, position, null);
  const others = new Set(tenants.flatMap((row) => (row.currency === currency ? [] : [row.tenant_id])));
  const names = months.map(monthName);
  const earning = new Set(await readMonthsEarningOtherwise(core.db, position, { months: names, currency }));
  return (month, tenantId) => (tenantId === null ? earning.has(monthName(month)) : others.has(tenantId));
}

function judgedMonth(terms: AlertTerms, { month, at, margins, awaits, earnsElsewhere }: MonthToJudge): JudgedSubject[] {
  const [now, before] = [margins.get(month.start), margins.get(monthBefore(month).start)];
  if (now === undefined || before === undefined) throw new Error(`the margin of ${month.start} was not computed`);
  const period = month.start.slice(0, 7);
  const overall = (of: Judged, isAwaited = false): JudgedSubject[] => [{ ...OVERALL, period, terms, isAwaited, ...of }];
  if (terms.when === 'cost_off_average' || isBefore(at, month.start)) return [];
  if (terms.when === 'unattributed_above')
    return overall(unattributedAbove(now.unattributed.cogs, now.overall.cogs, terms.percent));
  if (isBefore(at, month.end)) return [];
  const isDrop = terms.when === 'margin_drop';
  const isAwaited = (tenantId: string | null): boolean =>
    awaits(month, tenantId) || (isDrop && awaits(monthBefore(month), tenantId));
  // Without revenue in the currency, cost in it says nothing of a margin that is earned in another one.
  const isJudged = (tenantId: string | null, { revenue }: { readonly revenue: string }): boolean =>
    !decimal(revenue).eq(ZERO) || isAwaited(tenantId) || !earnsElsewhere(month, tenantId);
  if (terms.by === undefined) {
    if (!isJudged(null, now.overall)) return [];
    return overall(
      isDrop ? marginDrop(now.overall, before.overall, terms.percent) : marginBelow(now.overall, terms.percent),
      isAwaited(null),
    );
  }
  const earlier = new Map(before.byTenant.map((each) => [each.tenantId, each]));
  const judgeable = now.byTenant.filter((each) => isJudged(each.tenantId, each));
  return judgeable.map((each) => ({
    ...{ ...OVERALL, tenantId: each.tenantId, period, terms, isAwaited: isAwaited(each.tenantId) },
    ...(isDrop
      ? marginDrop(each, earlier.get(each.tenantId) ?? NO_MARGIN, terms.percent)
      : marginBelow(each, terms.percent)),
  }));
}

const NO_MARGIN = { revenue: '0', margin: '0' };

interface Days {
  /** The days to judge, in order. */
  readonly looked: readonly Period[];
  readonly costs: Costs;
}
/** The costs by provider, kind and day. */
type Costs = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Decimal>>>;

/** The days of months that ended, with those whose average they are in, and the costs of them and of their averages. */
async function daysIn(context: QueryContext, rules: Rules, { currency, months }: MonthsToJudge): Promise<Days> {
  const averaged = [...rules.values()]
    .flat()
    .flatMap(({ terms }) => (terms.currency === currency ? (terms.days ?? []) : []));
  const [first, last] = [months[0], months.at(-1)];
  if (averaged.length === 0 || first === undefined || last === undefined) return { looked: [], costs: new Map() };
  const hours = 24 * Math.max(...averaged);
  const { now } = context.caller;
  const until = dayOf(now).start;
  const end = isBefore(until, plusHours(last.end, hours)) ? until : plusHours(last.end, hours);
  if (!isBefore(first.start, end)) return { looked: [], costs: new Map() };
  const read = { start: plusHours(first.start, -hours), end };
  const whole = { start: monthOf(read.start).start, end: monthOf(plusHours(end, -1)).end };
  const rows = await readDailyCosts(
    context.core.db,
    context.position,
    { months: piecesOf(whole, monthOf), currency },
    read,
  );
  return { looked: piecesOf({ start: first.start, end }, dayOf), costs: costsOf(rows) };
}

function costsOf(rows: readonly DailyCost[]): Costs {
  const costs = new Map<string, Map<string, Map<string, Decimal>>>();
  for (const { provider, kind, day, amount } of rows) {
    const kinds = costs.get(provider) ?? new Map<string, Map<string, Decimal>>();
    const days = kinds.get(kind) ?? new Map<string, Decimal>();
    costs.set(provider, kinds.set(kind, days.set(day, decimal(amount))));
  }
  return costs;
}

/**
 * A provider that charged nothing on the day, or on a day of its average, is left out: a bill has not come, or the
 * provider began lately.
 */
function judgedDay(terms: AlertTerms, day: Period, costs: Costs): JudgedSubject[] {
  const count = terms.days ?? 0;
  const nameOf = (before: number): string => plusHours(day.start, -24 * before).slice(0, 10);
  const period = nameOf(0);
  const needed = Array.from({ length: count + 1 }, (_, before) => nameOf(before));
  return [...costs]
    .filter(([provider]) => terms.provider === undefined || terms.provider === provider)
    .filter(([, kinds]) => needed.every((name) => [...kinds.values()].some((days) => days.has(name))))
    .flatMap(([provider, kinds]) =>
      [...kinds]
        .filter(([kind]) => terms.kind === undefined || terms.kind === kind)
        .map(([kind, days]) => ({
          ...{ ...OVERALL, provider, kind, period, terms, isAwaited: false },
          ...costOffAverage(
            days.get(period) ?? ZERO,
            needed.slice(1).map((name) => days.get(name) ?? ZERO),
            terms,
          ),
        })),
    );
}
