import { conflict, type DomainError } from '#domain/errors';
import { billingAsOf, type BillingFacts } from '#domain/invoices/rate-invoice';
import { isCommitment, type LineDefinition } from '#domain/lines/line';
import { completeUntil, METERED_BILLING_KINDS } from '#domain/metering/metering';
import { earlier, type Instant, isBefore, later } from '#domain/time/instant';
import { contains, overlaps, type Period } from '#domain/time/period';
import type { LedgerCore } from '#ledger/ledger-core';
import { dayNamed, dueDays, type PendingDay, pendingOf } from './days-to-meter.js';

/** A part that an invoice would bill of a kind that is metered from the inventory. */
interface MeteredPart {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: Period;
}

/**
 * What an invoice would bill must be metered: a day without its readings would be billed as 0. Days that are not over
 * as of the instant do not count, nor do resources whose usage others observe. Errors: `not_metered`.
 */
export async function assertMetered(
  core: LedgerCore,
  position: number,
  facts: BillingFacts,
  asOf: Instant,
): Promise<void> {
  const parts = meteredParts(facts, asOf);
  const [first] = parts;
  if (first === undefined) return;
  const start = parts.reduce((at, { period }) => earlier(at, period.start), first.period.start);
  const end = earlier(
    completeUntil(asOf),
    parts.reduce((at, { period }) => later(at, period.end), first.period.end),
  );
  if (!isBefore(start, end)) return;
  const days = (await dueDays(core, position, { start, end })).filter(({ date }) =>
    parts.some(({ period }) => overlaps(period, dayNamed(date))),
  );
  const deploymentIds = [...new Set(parts.map(({ deploymentId }) => deploymentId))];
  const missing = (await pendingOf(core, position, days, deploymentIds)).flatMap(({ readings, ...day }) => {
    const billed = readings.filter((reading) =>
      parts.some(
        ({ deploymentId, billingKind, period }) =>
          deploymentId === reading.deploymentId &&
          billingKind === reading.billingKind &&
          contains(period, reading.period.start),
      ),
    );
    return billed.length === 0 ? [] : [{ ...day, readings: billed }];
  });
  if (missing.length > 0) throw notMetered(missing);
}

/** The parts that are due for the first time. Of a true-up: all that its commitment counts. Of a pool: of all lines. */
function meteredParts(facts: BillingFacts, asOf: Instant): MeteredPart[] {
  const isMetered = ({ billingKind }: LineDefinition): boolean => METERED_BILLING_KINDS.includes(billingKind);
  const lines = facts.lines.filter((line) => isMetered(line) || (line.counted ?? []).some(isMetered));
  if (lines.length === 0) return [];
  return billingAsOf({ ...facts, lines, marks: new Map() }, asOf).flatMap(({ line, parts, due }) => {
    const billed = parts.filter(({ partId }) => due.has(partId));
    if (line === null || billed.length === 0) return [];
    if (isCommitment(line))
      return (line.counted ?? []).flatMap((each) => [each, ...(each.pool ?? [])]).filter(isMetered);
    const isShared = billed.some(({ period }) => period.end === line.period.end);
    return [
      ...billed.map(({ period }) => ({ deploymentId: line.deploymentId, billingKind: line.billingKind, period })),
      ...(isShared ? (line.pool ?? []).filter(({ lineId }) => lineId !== line.lineId) : []),
    ];
  });
}

const MOST_DAYS = 5;
const MOST_RESOURCES = 3;

function notMetered(days: readonly PendingDay[]): DomainError {
  const dates = days.map(({ date }) => date);
  const [first = '', last = first] = [dates[0], dates.at(-1)];
  const named = days.slice(0, MOST_DAYS).map(({ date, reason, readings }) => {
    const ids = [...new Set(readings.map(({ resourceId }) => resourceId))];
    const changed = reason === 'changed_since' ? 'changed since it was metered: ' : '';
    return `${date} (${changed}${andMore(ids, MOST_RESOURCES, ', ')})`;
  });
  const count = days.length === 1 ? '1 day is' : `${days.length} days are`;
  return conflict(
    'not_metered',
    `${count} not metered: ${andMore([...named, ...dates.slice(MOST_DAYS)], MOST_DAYS, '; ')}. ` +
      `Meter ${first === last ? 'it' : 'them'} first (run-metering, or ledgerline meter --date ${first}` +
      `${first === last ? '' : ` --to ${last}`}), or set unmetered to "bill" to bill without them.`,
  );
}

/** The first of these texts, and how many more there are. */
const andMore = (texts: readonly string[], most: number, separator: string): string =>
  texts.length <= most
    ? texts.join(separator)
    : `${texts.slice(0, most).join(separator)} and ${texts.length - most} more`;
