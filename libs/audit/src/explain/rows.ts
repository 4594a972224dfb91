import type { RecordedEvent } from '#domain/events';
import type { FrozenRow } from '#domain/invoices/invoice';
import { countsUsage, isCommitment, type LineDefinition, needsRates } from '#domain/lines/line';
import type { SharedOut } from '#domain/lines/pool';
import { drawnLines, scalarOf } from '#domain/lines/rate';
import { perKey } from '#domain/per-key';
import { readRef } from '#domain/prices/refs';
import { isDomainError } from '#domain/schema';
import { decimal, text, ZERO } from '#domain/money/decimal';
import { rateStream } from '#domain/rates/rate';
import { compareInstants, FROM_EVER, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { moneyText } from '#domain/money/money';
import type { RateKey } from '#domain/usage/usage';
import { tenantAccount } from '#billing/invoices/accounts';
import { linesOfTenant } from '#billing/invoices/contracts';
import { loadUsage, loadUsageAt } from '#billing/invoices/line-usage';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import type { IssuedRow } from '#projections/invoices/issued-rows.read';
import { BatchLoader } from '#postgres/batch-loader';
import type { ReadingsSum } from '#projections/usage-records/usage-totals.read';
import { printFrozen } from '#billing/invoices/rated-lines';
import { pricesOfRows, type RowPrice, segmentOf } from '#billing/invoices/row-prices';
import { shareOf } from '#billing/invoices/shares';
import { arithmeticOf, type Counted, taxArithmeticOf } from './arithmetic.js';
import { type Relations, relationsOf } from './corrected.js';
import {
  addedReadings,
  eventsOfDocument,
  firstEvents,
  inOrder,
  keysOfRow,
  readEvents,
  type ReadingsOf,
  readingsCounted,
  readingsOf,
  readingsShared,
  type Reference,
  reference,
  referencesIn,
  streamsOfCounted,
  streamsOfPool,
  streamsOfRow,
} from './evidence.js';
import { numberOf } from './issued.js';
import { isOwn } from './own.js';

/** A row of a credit note. */
type NotedRow = Pick<IssuedRow, 'document_id' | 'credited_invoice_id' | 'tenant_id' | 'currency'>;

/** What rows are based on. An invoice may have 20,000 rows, and many have the same basis: each is looked up once. */
interface Grounds {
  readonly lines: (of: Pick<IssuedRow, 'computed_at' | 'tenant_id'>) => Promise<ReadonlyMap<string, LineDefinition>>;
  readonly readingsOfRow: (issued: IssuedRow, line: LineDefinition | undefined) => Promise<ReadingsSum>;
  /** The positions of the readings of the other lines of a pool, of which a row is a share. */
  readonly sharedReadings: (issued: IssuedRow, line: LineDefinition | undefined) => Promise<readonly number[]>;
  readonly pool: (of: { readonly position: number; readonly line: LineDefinition }) => Promise<ShownPool>;
  readonly references: (positions: readonly number[]) => Promise<readonly Reference[]>;
  readonly stream: (name: string) => Promise<readonly RecordedEvent[]>;
  /** The event that issued a credit note. It has the reason. */
  readonly note: (of: NotedRow) => Promise<readonly RecordedEvent[]>;
  readonly counted: (of: CountedOf) => Promise<Counted | null>;
  readonly drawn: (of: { readonly position: number; readonly line: LineDefinition }) => Promise<readonly CountedLine[]>;
}

/** What is counted of a line over a charge period, as known at a position. */
interface CountedOf {
  readonly position: number;
  readonly line: LineDefinition;
  readonly period: Period;
}

/** A line whose charges draw a commitment down, and what they came to. Money of its currency. */
interface CountedLine {
  readonly lineId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly net: string;
  /** The rates of its rows, each once. */
  readonly rates: readonly Rated[];
}

/** What of a row names its rate. */
type Rated = Pick<FrozenRow, 'ref' | 'unitAmount'>;

/**
 * Each row with its arithmetic, terms, readings and the `first` of its events. Usage is read for all rows together. Of
 * the log, rows read their streams one after the other.
 */
export async function explainRows(context: QueryContext, rows: readonly IssuedRow[], first: number) {
  const [grounds, relations] = [groundsOf(context, rows), await relationsOf(context, rows)];
  const explained: Awaited<ReturnType<typeof explainRow>>[] = [];
  const priced = await Promise.all(
    rows.map(async (issued) => ({
      ...{ row: issued.row, currency: issued.currency, known: issued.computed_at },
      line: (await grounds.lines(issued)).get(issued.row.lineId),
      knownBefore: issued.row.kind === 'rebooked' ? relations(issued).knownBefore : null,
    })),
  );
  const prices = await pricesOfRows(context.core, priced);
  await readTogether(grounds, rows, first);
  for (const [index, price] of prices.entries()) {
    const row = rows[index];
    if (row !== undefined) explained.push(await explainRow(row, grounds, relations(row), { price, first }));
  }
  return explained;
}

function groundsOf(context: QueryContext, rows: readonly IssuedRow[]): Grounds {
  const { core } = context;
  const until = rows
    .map(({ row }) => row.chargePeriod.end)
    .reduce((latest, end) => (isBefore(latest, end) ? end : latest), FROM_EVER);
  const readings = new BatchLoader(async (of: readonly ReadingsOf[]) => readingsOf(core, of));
  const known = perKey(
    async (of: ReadingsOf) => readings.load(of),
    (of) => JSON.stringify(of),
  );
  const counted = new BatchLoader(async (of: readonly CountedOf[]) => countedUsage(core, of));
  return {
    lines: perKey(
      async ({ computed_at, tenant_id }) =>
        new Map(
          (await linesOfTenant(core, computed_at, await tenantAccount(core, computed_at, tenant_id), until)).map(
            (line) => [line.lineId, line],
          ),
        ),
      ({ computed_at, tenant_id }) => `${computed_at} ${tenant_id}`,
    ),
    async readingsOfRow(issued, line) {
      const counted = readingsCounted(issued.computed_at, line);
      return counted === null ? known(usedBy(issued, line)) : addedReadings(await Promise.all(counted.map(known)));
    },
    async sharedReadings({ computed_at, row }, line) {
      const others = readingsShared(computed_at, row, line);
      return addedReadings(await Promise.all(others.map(known))).positions;
    },
    pool: perKey(
      async ({ position, line }) => {
        const usage = await loadUsage(core, position, [{ line, instants: [line.period.end] }]);
        const out = usage(line).sharedOut(line.pool ?? []);
        return shownPool(line, out, (tenantId) => isOwn(context, tenantId));
      },
      ({ position, line }) => `${position} ${line.lineId}`,
    ),
    references: referencesIn(core.log),
    stream: perKey(async (name) => readEvents(await Array.fromAsync(core.log.read(name)))),
    note: perKey(
      async (of) => noteEvents(context, of),
      ({ document_id }) => document_id,
    ),
    counted: perKey(
      async (of) => counted.load(of),
      ({ position, line, period }) => JSON.stringify([position, line.lineId, period]),
    ),
    drawn: perKey(
      // What they came to may be on invoices that are addressed to others.
      async ({ position, line }) => (isOwn(context, line.tenantId) ? countedLines(context, position, line) : []),
      ({ position, line }) => `${position} ${line.lineId}`,
    ),
  };
}

async function explainRow(
  issued: IssuedRow,
  grounds: Grounds,
  { corrects, correctedBy, knownBefore }: Relations,
  { price, first }: { readonly price: RowPrice; readonly first: number },
) {
  const { document_id, series, ordinal, computed_at, currency, row } = issued;
  const line = (await grounds.lines(issued)).get(row.lineId);
  const used = usedBy(issued, line);
  const { start: since, end: until } = used;
  const readings = await grounds.readingsOfRow(issued, line);
  const shared = await grounds.sharedReadings(issued, line);
  const positions = [...new Set([...readings.positions, ...shared])].sort((a, b) => a - b);
  const streams = [
    ...streamsOfRow(row, readings.keys),
    ...streamsOfCounted(line, readings),
    ...streamsOfPool(row, line),
  ];
  const ofStreams = inOrder(
    computed_at,
    (await Promise.all([...new Set(streams)].map(async (stream) => grounds.stream(stream)))).flat(),
  );
  const noted = series === 'CN' ? await grounds.note(issued) : [];
  const isSince = (position: number): boolean => knownBefore !== null && position > knownBefore;
  const because = await firstEvents(
    grounds.references,
    positions.filter(isSince),
    ofStreams.filter(({ position, type }) => isSince(position) && type !== 'LineSplit'),
    first,
  );
  const terms = line === undefined ? null : (segmentOf(row, currency, line)?.terms ?? null);
  const counted =
    line === undefined ? null : await grounds.counted({ position: computed_at, line, period: row.chargePeriod });
  const isBooked = row.kind === 'charge' || row.kind === 'rebooked';
  const share = line === undefined ? null : shareOf(row, currency, line);
  const pool =
    line?.pool === undefined || readRef(row.ref).isPooled !== true
      ? null
      : await grounds.pool({ position: computed_at, line });
  const drawn = line === undefined ? [] : await grounds.drawn({ position: computed_at, line });
  return {
    invoiceId: document_id,
    number: numberOf(ordinal, series),
    computedAt: computed_at,
    /** Of the row's plan item. null: it counts every reading of the kind, or the line no longer exists. */
    filter: line?.filter ?? null,
    row: { ...row, ...printFrozen(row, currency) },
    arithmetic: arithmeticOf(row, currency, terms, isBooked ? counted : null, share),
    tax: taxArithmeticOf(row, currency),
    price: { ...price, terms },
    rates: [row, ...drawn.flatMap(({ rates }) => rates)].flatMap((rated) =>
      keysOfRow(rated, readings.keys).map((key) => rateOf(rated, key, ofStreams)),
    ),
    usage: { since, until, quantity: text(decimal(readings.quantity)), readings: readings.count },
    /** Of a share of a pool: how the included units were shared out, as known when it was computed. */
    pool,
    /** Of a true-up: the lines whose charges it counts, as known when it was computed. */
    counted: drawn.map(({ rates: _, ...shown }) => shown),
    corrects,
    correctedBy,
    /**
     * Of a correction: what was recorded after the corrected rows were computed. A cut of the line changes no amount.
     */
    ...{ because: because.events, becauseCount: because.eventCount },
    ...(await firstEvents(grounds.references, positions, [...ofStreams, ...noted], first)),
  };
}

type ShownPool = ReturnType<typeof shownPool>;

/** In converted units. null: the sums would tell the caller what tenants use that it may not see. */
function shownPool(
  { lineId }: LineDefinition,
  { members: byLine, included, used, unused, excess }: SharedOut,
  maySee: (tenantId: string) => boolean,
) {
  const members = [...byLine.values()];
  if (!members.every(({ line }) => maySee(line.tenantId))) return null;
  const shown = members.map(({ line, ...of }) => ({
    ...{ tenantId: line.tenantId, subscriptionId: line.subscriptionId, lineId: line.lineId },
    ...{ included: text(of.included), used: text(of.used), share: text(of.share) },
  }));
  return {
    ...{ included: text(included), used: text(used), unused: text(unused), excess: text(excess) },
    share: shown.find((each) => each.lineId === lineId)?.share ?? '0',
    members: shown,
  };
}

const usedBy = ({ computed_at: position, row }: IssuedRow, line: LineDefinition | undefined): ReadingsOf => ({
  ...{ position, deploymentId: row.deploymentId, billingKind: row.billingKind, filter: line?.filter ?? null },
  ...{ start: line?.period.start ?? row.chargePeriod.start, end: row.chargePeriod.end },
});

/** Reads what rows count, for all of them together. */
async function readTogether(grounds: Grounds, rows: readonly IssuedRow[], first: number): Promise<void> {
  const lines = await Promise.all(rows.map(async (issued) => (await grounds.lines(issued)).get(issued.row.lineId)));
  const readings = await Promise.all(rows.map(async (issued, index) => grounds.readingsOfRow(issued, lines[index])));
  await grounds.references(readings.flatMap(({ positions }) => positions.slice(0, first)));
  await Promise.all(
    rows.map(async ({ computed_at: position, row: { chargePeriod: period } }, index) => {
      const line = lines[index];
      return line === undefined ? null : grounds.counted({ position, line, period });
    }),
  );
}

async function noteEvents(
  context: QueryContext,
  { document_id: documentId, credited_invoice_id: invoiceId, tenant_id: tenantId, currency }: NotedRow,
): Promise<RecordedEvent[]> {
  if (invoiceId === null) return [];
  const own = await eventsOfDocument(context, { documentId, invoiceId, tenantId, currency });
  return own.filter(({ type }) => type === 'CreditNoteIssued');
}

/** The rate of a rate-card row, with the event that set or corrected it to this price. */
function rateOf(row: Rated, key: RateKey, events: readonly RecordedEvent[]) {
  const effectiveFrom = row.ref.slice(row.ref.lastIndexOf('@') + 1);
  const setBy = events.findLast(
    (event) =>
      event.stream === rateStream(key) &&
      pricesOf(event).some(
        (price) =>
          decimal(price.unitPrice).eq(decimal(row.unitAmount)) &&
          price.effectiveFrom <= effectiveFrom &&
          (price.effectiveUntil === null || price.effectiveUntil > effectiveFrom),
      ),
  );
  return { ...key, effectiveFrom, unitPrice: row.unitAmount, event: setBy === undefined ? null : reference(setBy) };
}

function pricesOf({ type, data }: RecordedEvent) {
  if (type === 'RateKeyCorrected') return data.segments;
  return type === 'RateSet' || type === 'RateCorrected' ? [data] : [];
}

/** The lines that draw a commitment down. None, if one of them can't be rated: then nothing was billed of it. */
async function countedLines({ core }: QueryContext, position: number, line: LineDefinition): Promise<CountedLine[]> {
  if (!isCommitment(line)) return [];
  const { end } = line.period;
  const usage = await loadUsage(core, position, [{ line, instants: [end] }]);
  const named = new Set<string>();
  return drawnUpTo(line, end, usage).map(({ line: { lineId, billingKind, period }, net, rows }) => ({
    ...{ lineId, billingKind, period },
    net: moneyText(net, line.currency),
    rates: rows.flatMap(({ ref, unitAmount }) => {
      const rated = { ref, unitAmount: text(unitAmount) };
      const name = JSON.stringify(rated);
      if (named.has(name)) return [];
      named.add(name);
      return [rated];
    }),
  }));
}

function drawnUpTo(...of: Parameters<typeof drawnLines>): ReturnType<typeof drawnLines> {
  try {
    return drawnLines(...of);
  } catch (error) {
    if (isDomainError(error)) return [];
    throw error;
  }
}

/** The usage of each line at the start of the charge period, and at its end. null: it is not simply added up. */
async function countedUsage(core: LedgerCore, of: readonly CountedOf[]): Promise<(Counted | null)[]> {
  const wanted = of.map((each) => ({
    ...each,
    isFirst: compareInstants(each.period.start, each.line.period.start) <= 0,
  }));
  const isCounted = ({ line }: CountedOf): boolean => !needsRates(line) && countsUsage(line);
  const usage = await loadUsageAt(
    core,
    wanted.filter(isCounted).map(({ line, position, period: { start, end }, isFirst }) => ({
      ...{ line, position, instants: isFirst ? [end] : [start, end] },
    })),
  );
  return wanted.map((each) => {
    if (!isCounted(each)) return null;
    const upTo = usage(each.line, each.position);
    const { start, end } = each.period;
    return { before: each.isFirst ? ZERO : scalarOf(upTo(start)), upTo: scalarOf(upTo(end)) };
  });
}
