import { derivedId } from '../derived-id.js';
import { type Decimal, decimal, divide, integer, sum, text, ZERO } from '../money/decimal.js';
import type { Instant } from '../time/instant.js';
import { areSameTerms, foldTerms, type TermsVersion } from '../terms/terms.js';
import type { AlertEvent, AlertTerms } from './alert-rule.js';

/** What an alert is about. */
export interface AlertSubject {
  /** A UTC month, 2026-04, or a UTC day, 2026-04-15. */
  readonly period: string;
  readonly tenantId: string | null;
  readonly provider: string | null;
  readonly kind: string | null;
}

/** The value of a subject, in percent or points, and whether the rule holds for it. null: it has no percentage. */
export interface Judged {
  readonly value: Decimal | null;
  readonly holds: boolean;
}

/** A subject as a rule judges it. */
export interface JudgedSubject extends AlertSubject, Judged {
  readonly terms: AlertTerms;
  /** Its invoices are awaited: nothing is raised, and what is raised stays. */
  readonly isAwaited: boolean;
}

const HUNDRED = integer(100);
/** Values are recorded to so many decimals. Whether a rule holds is decided exactly. */
const SCALE = 6;

interface Figures {
  readonly revenue: string;
  readonly margin: string;
}

/** Whether a margin is below a percentage. Without revenue there is no percentage: any loss is below it. */
export function marginBelow({ revenue, margin }: Figures, percent: string): Judged {
  const [earned, left] = [decimal(revenue), decimal(margin)];
  if (earned.lte(ZERO)) return { value: null, holds: left.lt(ZERO) };
  return {
    value: divide(left.times(HUNDRED), earned, SCALE),
    holds: left.times(HUNDRED).lt(earned.times(decimal(percent))),
  };
}

/**
 * Whether a margin is more than so many points below that of the month before. A loss without revenue is, if there was
 * revenue before.
 */
export function marginDrop(now: Figures, before: Figures, points: string): Judged {
  const [earned, earnedBefore] = [decimal(now.revenue), decimal(before.revenue)];
  if (earnedBefore.lte(ZERO)) return NOTHING;
  if (earned.lte(ZERO)) return { value: null, holds: decimal(now.margin).lt(ZERO) };
  // before ÷ earnedBefore − now ÷ earned, over their common denominator.
  const lost = decimal(before.margin).times(earned).minus(decimal(now.margin).times(earnedBefore)).times(HUNDRED);
  const all = earned.times(earnedBefore);
  return { value: divide(lost, all, SCALE), holds: lost.gt(all.times(decimal(points))) };
}

/**
 * Whether more than a percentage of the cost has no tenant. If credits make the cost 0 or less in all, there is no
 * percentage: any cost without a tenant is more.
 */
export function unattributedAbove(unattributed: string, cogs: string, percent: string): Judged {
  const [nobodys, all] = [decimal(unattributed), decimal(cogs)];
  if (all.lte(ZERO)) return { value: null, holds: nobodys.gt(ZERO) };
  return {
    value: divide(nobodys.times(HUNDRED), all, SCALE),
    holds: nobodys.times(HUNDRED).gt(all.times(decimal(percent))),
  };
}

/**
 * Whether the cost of a day is more than a percentage off the average of the days before. Where both are smaller than
 * the minimum, it is not. An average of 0 has no percentage: any cost from the minimum on is off it.
 */
export function costOffAverage(
  cost: Decimal,
  before: readonly Decimal[],
  { percent, minimum = '0' }: Pick<AlertTerms, 'percent' | 'minimum'>,
): Judged {
  // Multiplied by the number of days, so that nothing is rounded.
  const days = integer(before.length);
  const total = sum(before);
  const off = cost.times(days).minus(total).abs();
  const isSmall = [cost.times(days), total].every((each) => each.abs().lt(decimal(minimum).times(days)));
  return {
    value: total.eq(ZERO) ? null : divide(cost.times(days).minus(total).times(HUNDRED), total.abs(), SCALE),
    holds: !isSmall && off.times(HUNDRED).gt(total.abs().times(decimal(percent))),
  };
}

const NOTHING: Judged = { value: null, holds: false };

/** An event as the log has it. */
export type RecordedAlertEvent = AlertEvent & { readonly position: number };
type RaisedEvent = Extract<RecordedAlertEvent, { readonly type: 'AlertRaised' }>;

/** A UTC month or day, in one currency. */
export interface EvaluatedPeriod {
  readonly currency: string;
  readonly period: string;
}

/** What an evaluation of a rule found. */
export interface JudgedRule {
  readonly alertId: string;
  /** The terms that were evaluated. */
  readonly versions: readonly TermsVersion<AlertTerms>[];
  readonly subjects: readonly JudgedSubject[];
  /** Whether a period was evaluated in a currency: what is raised of them and does not hold is cleared. */
  readonly isEvaluated: (of: EvaluatedPeriod) => boolean;
  readonly computedAt: number;
  readonly at: Instant;
}

const idOf = (alertId: string, { period, tenantId, provider, kind }: AlertSubject): string =>
  derivedId('alert', alertId, period, tenantId ?? '', provider ?? '', kind ?? '');

/**
 * The alerts to raise and to clear. An evaluation from an earlier position than the last recorded one, or of other
 * terms than the stream has, changes nothing: the rule is evaluated again.
 */
export function decideAlerts(events: readonly RecordedAlertEvent[], judged: JudgedRule): AlertEvent[] {
  const { alertId, computedAt, at } = judged;
  const { raised, last } = foldAlerts(events);
  const versions = foldTerms<AlertTerms>(
    events.flatMap(({ type, data }) => (type === 'MarginAlertSet' || type === 'MarginAlertCorrected' ? [data] : [])),
  );
  if (last > computedAt || !areSameTerms(versions, judged.versions)) return [];
  const found = new Map(judged.subjects.map((subject) => [idOf(alertId, subject), subject]));
  // The rule may have been corrected to another currency, or to another question.
  const now = (of: Pick<RaisedEvent['data'], 'id' | 'currency' | 'when'>): JudgedSubject | undefined => {
    const subject = found.get(of.id);
    return subject?.terms.currency === of.currency && subject.terms.when === of.when ? subject : undefined;
  };
  const stands = (subject: JudgedSubject | undefined): boolean =>
    subject?.holds === true || subject?.isAwaited === true;
  const isOver = ({ data }: RaisedEvent): boolean => judged.isEvaluated(data) && !stands(now(data));
  const stays = new Set([...raised.values()].filter((event) => !isOver(event)).map(({ data }) => data.id));
  return [
    ...[...raised.values()]
      .filter(isOver)
      .map(({ position, data: { value: _, threshold: _compared, ...data } }): AlertEvent => {
        const value = now(data)?.value ?? null;
        return {
          type: 'AlertCleared',
          data: { ...data, computedAt, at, value: value === null ? null : text(value), raisedAt: position },
        };
      }),
    ...[...found].flatMap(([id, { terms, value, holds, isAwaited, period, tenantId, provider, kind }]): AlertEvent[] =>
      holds && !isAwaited && !stays.has(id)
        ? [
            {
              type: 'AlertRaised',
              data: {
                ...{ alertId, id, when: terms.when, period, currency: terms.currency, tenantId, provider, kind },
                ...{ computedAt, at, value: value === null ? null : text(value), threshold: terms.percent },
              },
            },
          ]
        : [],
    ),
  ];
}

function foldAlerts(events: readonly RecordedAlertEvent[]) {
  const raised = new Map<string, RaisedEvent>();
  let last = 0;
  for (const event of events) {
    if (event.type !== 'AlertRaised' && event.type !== 'AlertCleared') continue;
    last = event.data.computedAt;
    if (event.type === 'AlertRaised') raised.set(event.data.id, event);
    else raised.delete(event.data.id);
  }
  return { raised, last };
}
