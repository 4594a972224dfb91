import type { FrozenRow } from '#domain/invoices/invoice';
import type { LineDefinition } from '#domain/lines/line';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { rateStream } from '#domain/rates/rate';
import { compareInstants, FROM_EVER, type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { StoredEvent } from '#event-store/port';
import { isRateCard, linesOfTenant, loadUsage, tenantAccount } from '../invoices/billing.js';
import type { QueryContext } from '../query.js';
import { printFrozen } from '../invoices/rated-lines.js';
import { arithmeticOf, type Counted, taxArithmeticOf } from './arithmetic.js';
import { type Relations, relationsOf } from './corrected.js';
import { eventsOf, eventsOfDocument, keysOfRow, readingsOf, reference, streamsOfRow } from './evidence.js';
import { type IssuedRow, numberOf } from './issued.js';

/** Lines by what was known, and of whom: an invoice may have 20,000 rows, which are of one. */
type Known = (row: IssuedRow) => Promise<ReadonlyMap<string, LineDefinition>>;

/** Rows: the arithmetic of each, the terms and readings that gave it, and their events. One after the other, as each asks the database. */
export async function explainRows(context: QueryContext, rows: readonly IssuedRow[]) {
  const [known, relations] = [linesKnown(context, rows), await relationsOf(context, rows)];
  const explained: Awaited<ReturnType<typeof explainRow>>[] = [];
  for (const row of rows) explained.push(await explainRow(context, row, known, relations(row)));
  return explained;
}

function linesKnown({ core }: QueryContext, rows: readonly IssuedRow[]): Known {
  const lines = new Map<string, Promise<ReadonlyMap<string, LineDefinition>>>();
  const until = rows.map(({ row }) => row.chargePeriod.end).reduce((latest, end) => (isBefore(latest, end) ? end : latest), FROM_EVER);
  const load = async ({ computed_at, tenant_id }: IssuedRow) =>
    new Map((await linesOfTenant(core, computed_at, await tenantAccount(core, computed_at, tenant_id), until)).map((line) => [line.lineId, line]));
  return async (row) => {
    const key = JSON.stringify([row.computed_at, row.tenant_id]);
    const loading = lines.get(key) ?? load(row);
    lines.set(key, loading);
    return loading;
  };
}

async function explainRow(context: QueryContext, issued: IssuedRow, known: Known, { corrects, correctedBy, knownBefore }: Relations) {
  const { core } = context;
  const { invoice_id, series, ordinal, computed_at, currency, row } = issued;
  const line = (await known(issued)).get(row.lineId);
  const since = line?.period.start ?? row.chargePeriod.start;
  const until = row.chargePeriod.end;
  const readings = await readingsOf(core, computed_at, { deploymentId: row.deploymentId, billingKind: row.billingKind, since, until, filter: line?.filter ?? null });
  const grounds = await eventsOf(core.log, computed_at, readings.positions, streamsOfRow(row, readings.keys));
  const events = series === 'CN' ? [...grounds, ...(await noteEvent(context, issued))] : grounds;
  const terms = line?.segments.findLast(({ planId, period }) => planId === row.planId && compareInstants(period.start, row.chargePeriod.end) < 0)?.terms ?? null;
  const counted = line === undefined ? null : await countedUsage(context, computed_at, line, row.chargePeriod);
  return {
    invoiceId: invoice_id,
    number: numberOf(ordinal, series),
    computedAt: computed_at,
    row: { ...row, ...printFrozen(row, currency) },
    arithmetic: arithmeticOf(row, currency, terms, row.kind === 'charge' || row.kind === 'rebooked' ? counted : null),
    tax: taxArithmeticOf(row, currency),
    price: { planId: row.planId, effectiveFrom: row.planEffectiveFrom, terms },
    rates: keysOfRow(row, readings.keys).map((key) => rateOf(row, key, events)),
    usage: { since, until, quantity: text(decimal(readings.quantity)), readings: readings.count },
    corrects,
    correctedBy,
    /** Of a correction: what was recorded since the corrected rows were computed; where its line was cut makes it no other. */
    because: knownBefore === null ? [] : events.filter(({ position, type }) => position > knownBefore && type !== 'LineSplit').map(reference),
    events: events.map(reference),
  };
}

/** The event that issued a row's credit note: it says why. */
async function noteEvent(context: QueryContext, { invoice_id, tenant_id, currency }: IssuedRow): Promise<StoredEvent[]> {
  const { rows } = await context.core.pool.query<{ invoice_id: string }>('SELECT invoice_id FROM credit_notes WHERE credit_note_id = $1 AND position_from <= $2', [invoice_id, context.position]);
  const [note] = rows;
  if (note === undefined) return [];
  const own = await eventsOfDocument(context, { documentId: invoice_id, invoiceId: note.invoice_id, tenantId: tenant_id, currency });
  return own.filter(({ type }) => type === 'CreditNoteIssued');
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
