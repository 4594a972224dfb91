import type { FrozenRow } from '#domain/invoices/invoice';
import type { LineDefinition } from '#domain/lines/line';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { rateStream } from '#domain/rates/rate';
import { compareInstants, type Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { StoredEvent } from '#event-store/port';
import { isRateCard, linesOfTenant, loadUsage, tenantAccount } from '../billing.js';
import type { QueryContext } from '../query.js';
import { printFrozen } from '../rated-lines.js';
import { arithmeticOf, type Counted } from './arithmetic.js';
import { eventsOf, keysOfRow, readingsOf, reference, streamsOfRow } from './evidence.js';
import { type IssuedRow, numberOf } from './issued.js';

/** A row: its arithmetic, the terms and readings that gave it, and their events. */
export async function explainRow(context: QueryContext, { invoice_id, ordinal, computed_at, tenant_id, currency, row }: IssuedRow) {
  const { core } = context;
  const account = await tenantAccount(core, computed_at, tenant_id);
  const line = (await linesOfTenant(core, computed_at, account, row.chargePeriod.end)).find(({ lineId }) => lineId === row.lineId);
  const since = line?.period.start ?? row.chargePeriod.start;
  const until = row.chargePeriod.end;
  const readings = await readingsOf(core, computed_at, { deploymentId: row.deploymentId, billingKind: row.billingKind, since, until, filter: line?.filter ?? null });
  const events = await eventsOf(core.log, computed_at, readings.positions, streamsOfRow(row, readings.keys));
  const terms = line?.segments.findLast(({ planId, period }) => planId === row.planId && compareInstants(period.start, row.chargePeriod.end) < 0)?.terms ?? null;
  const counted = line === undefined ? null : await countedUsage(context, computed_at, line, row.chargePeriod);
  return {
    invoiceId: invoice_id,
    number: numberOf(ordinal),
    computedAt: computed_at,
    row: { ...row, ...printFrozen(row, currency) },
    arithmetic: arithmeticOf(row, currency, terms, row.kind === 'charge' || row.kind === 'rebooked' ? counted : null),
    price: { planId: row.planId, effectiveFrom: row.planEffectiveFrom, terms },
    rates: keysOfRow(row, readings.keys).map((key) => rateOf(row, key, events)),
    usage: { since, until, quantity: text(decimal(readings.quantity)), readings: readings.count },
    events: events.map(reference),
  };
}

/** The rate of a rate-card row, with the event that set or corrected it to this price. */
function rateOf(row: FrozenRow, key: RateKey, events: readonly StoredEvent[]) {
  const effectiveFrom = row.ref.slice(row.ref.lastIndexOf('@') + 1);
  const setBy = events.findLast(({ stream, type, data }) => {
    if (stream !== rateStream(key) || (type !== 'RateSet' && type !== 'RateCorrected')) return false;
    const set = JSON.parse(data) as { unitPrice: string; effectiveFrom: string; effectiveUntil: string | null };
    return decimal(set.unitPrice).eq(decimal(row.unitAmount)) && set.effectiveFrom <= effectiveFrom && (set.effectiveUntil === null || set.effectiveUntil > effectiveFrom);
  });
  return { ...key, effectiveFrom, unitPrice: row.unitAmount, event: setBy === undefined ? null : reference(setBy) };
}

/** What the line's usage came to when the charge period began, and when it ended. */
async function countedUsage({ core }: QueryContext, position: number, line: LineDefinition, { start, end }: Period): Promise<Counted | null> {
  if (isRateCard(line) || line.segments.every(({ terms }) => terms.price.model === 'flat')) return null;
  const isFirst = compareInstants(start, line.period.start) <= 0;
  const usage = (await loadUsage(core, position, [{ line, instants: isFirst ? [end] : [start, end] }]))(line);
  const scalar = (at: Instant) => {
    const value = usage(at);
    return 'times' in value ? value : sum(value.map(({ quantity }) => quantity));
  };
  return { before: isFirst ? ZERO : scalar(start), upTo: scalar(end) };
}
