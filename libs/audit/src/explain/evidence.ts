import type { EventSource, RecordedEvent } from '#domain/events';
import { billingStream, type FrozenRow } from '#domain/invoices/invoice';
import { type LineDefinition, lineStream } from '#domain/lines/line';
import { COMMITMENT, planStream } from '#domain/plans/plan';
import { readRef } from '#domain/prices/refs';
import { rateKeyText, rateStream } from '#domain/rates/rate';
import { deploymentStream } from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { earlier, type Instant, later } from '#domain/time/instant';
import type { RateKey } from '#domain/usage/usage';
import { EventCodec, type LoggedEvent } from '#event-store/codec';
import type { EventLog, StoredEvent } from '#event-store/port';
import { rowAt } from '#ledger/file-rows';
import { givenKey } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { tenantAccount } from '#billing/invoices/accounts';
import { linesOfTenant } from '#billing/invoices/contracts';
import { within, withPruned } from '#billing/usage/pruned-usage';
import type { QueryContext } from '#ledger/query';
import { ifReadable } from '#read-model/readable';
import { readLineStarts } from '#projections/invoice-lines/invoice-lines.read';
import { asJsonb } from '#projections/usage-records/usage-records.read';
import { readReadingsSums, type ReadingsSum } from '#projections/usage-records/usage-totals.read';
import { type IssuedInvoice, issuedRows } from './issued.js';

/** An event as evidence: its place in the log, when it was recorded, by whom, and why. */
export interface Reference {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly eventId: string;
  readonly type: string;
  readonly recordedAt: string;
  readonly actor: string;
  readonly occurredAt: string | null;
  readonly command: string | null;
  readonly idempotencyKey: string | null;
  readonly reason: string | null;
  /** The file that it was read from, and its rows there. */
  readonly source: EventSource | null;
}

export function reference(event: LoggedEvent): Reference {
  const { actor, occurredAt, command, source } = event.metadata;
  return {
    position: event.position,
    stream: event.stream,
    revision: event.revision,
    eventId: event.id,
    type: event.type,
    recordedAt: event.recordedAt,
    actor,
    occurredAt: occurredAt ?? null,
    command: command?.name ?? null,
    idempotencyKey: command?.idempotencyKey === undefined ? null : givenKey(command.idempotencyKey),
    reason: reasonIn(event.data),
    source: source ?? null,
  };
}

/** Events of many subjects state a reason, each in a field of this name. */
const reasonIn = (data: unknown): string | null =>
  typeof data === 'object' && data !== null && 'reason' in data && typeof data.reason === 'string' ? data.reason : null;

/** An event itself, with the ids that the API's log has for it. */
export interface ShownEvent extends Reference {
  readonly correlationId: string | null;
  readonly requestId: string | null;
  /** null: the role may not see it, nor the reason, which may state an amount. */
  readonly data: unknown;
}

export function shownEvent(event: LoggedEvent, data: unknown): ShownEvent {
  const { correlationId = null, requestId = null } = event.metadata;
  const { reason, ...named } = reference(event);
  return { ...named, reason: data === null ? null : reason, correlationId, requestId, data };
}

/** A row of a file. */
export interface FileRow {
  readonly file: string;
  readonly sha256: string | null;
  readonly row: number;
}

/** The row that the n-th item of an event was read from. null: it came from no file. */
export function fileRow({ metadata: { source } }: RecordedEvent, n: number): FileRow | null {
  // Everything that one command records comes from one row.
  const row = source === undefined || n < 0 ? undefined : (rowAt(source, n) ?? rowAt(source, 0));
  return source === undefined || row === undefined ? null : { file: source.file, sha256: source.sha256 ?? null, row };
}

/** Readings of a deployment and kind that start within `[start, end)`, as known at a position. */
export interface ReadingsOf {
  readonly position: number;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly start: Instant;
  readonly end: Instant;
  readonly filter: LineDefinition['filter'];
}

export const NO_READINGS: ReadingsSum = { quantity: '0', count: 0, positions: [], keys: [] };

/** The readings that rows count: those of their lines from the line's start to the end of their charge periods. */
export const readingsOf = async (core: LedgerCore, wanted: readonly ReadingsOf[]): Promise<ReadingsSum[]> =>
  withPruned(core, wanted, async (pruned) =>
    readReadingsSums(
      core.db,
      wanted.map((of) => {
        const logged = within(pruned, of);
        return {
          ...of,
          filter: of.filter === null ? null : JSON.stringify(of.filter),
          logged: logged.length === 0 ? null : asJsonb(logged),
        };
      }),
    ),
  );

const readingsOfLine = (
  position: number,
  { deploymentId, billingKind, period, filter }: LineDefinition,
): ReadingsOf => ({ position, deploymentId, billingKind, ...period, filter });

/** The readings of each line that a commitment counts. null: the line is of no commitment. */
export const readingsCounted = (position: number, line: LineDefinition | undefined): ReadingsOf[] | null =>
  line?.counted?.map((each) => readingsOfLine(position, each)) ?? null;

const othersOfPool = (line: LineDefinition): LineDefinition[] =>
  (line.pool ?? []).filter(({ lineId }) => lineId !== line.lineId);

const isPooled = ({ ref }: Pick<FrozenRow, 'ref'>): boolean => readRef(ref).isPooled === true;

/**
 * The readings of other lines that a row depends on: those of the pool of which it is a share, and those of the pools
 * of what its commitment counts.
 */
export const readingsShared = (
  position: number,
  row: Pick<FrozenRow, 'ref'>,
  line: LineDefinition | undefined,
): ReadingsOf[] =>
  [...(line !== undefined && isPooled(row) ? [line] : []), ...(line?.counted ?? [])]
    .flatMap(othersOfPool)
    .map((each) => readingsOfLine(position, each));

/** The streams of the other lines of a pool: who pays for their tenants, and their subscriptions. */
export const streamsOfPool = (row: Pick<FrozenRow, 'ref'>, line: LineDefinition | undefined): string[] =>
  isPooled(row)
    ? (line?.pool ?? []).flatMap(({ tenantId, deploymentId }) => [
        tenantStream(tenantId),
        deploymentStream(deploymentId),
      ])
    : [];

/** All of these readings. Those of several billing kinds have no sum, so the quantity is 0. */
export const addedReadings = (all: readonly ReadingsSum[]): ReadingsSum => ({
  quantity: '0',
  count: all.reduce((count, each) => count + each.count, 0),
  positions: [...new Set(all.flatMap(({ positions }) => positions))].sort((a, b) => a - b),
  keys: [...new Map(all.flatMap(({ keys }) => keys).map((key) => [rateKeyText(key), key])).values()],
});

/** The streams of what a commitment counts: the plans of its lines, and the rates of their readings. */
export const streamsOfCounted = (line: LineDefinition | undefined, { keys }: ReadingsSum): string[] => [
  ...(line?.counted ?? []).flatMap(({ segments }) => segments.map(({ planId }) => planStream(planId))),
  ...(line?.counted === undefined ? [] : keys.map(rateStream)),
];

/** A rate-card row names its key. Other rows are based on no rate. */
export const keysOfRow = (row: Pick<FrozenRow, 'ref'>, keys: readonly RateKey[]): RateKey[] =>
  keys.filter((key) => row.ref.startsWith(`${rateKeyText(key)}@`));

export const streamsOfRow = (
  row: Pick<FrozenRow, 'planId' | 'deploymentId' | 'lineId' | 'ref'>,
  keys: readonly RateKey[],
): string[] => [
  planStream(row.planId),
  deploymentStream(row.deploymentId),
  lineStream(row.lineId),
  ...keysOfRow(row, keys).map(rateStream),
];

const codec = new EventCodec();
/** Evidence is many events with few displayed details, so they are decoded fast, without a check of their shape. */
export const readEvent = (stored: StoredEvent): RecordedEvent => codec.decodeAsWritten(stored);

/** Leaves out what can't be read: it was skipped, or is after the position that is explained. */
export const readEvents = (stored: readonly StoredEvent[]): RecordedEvent[] =>
  stored.flatMap((each) => ifReadable(each, readEvent) ?? []);

/** The events at these positions and those of these streams, up to a position, each once, in order. */
export const eventsOf = async (...of: Parameters<typeof storedEventsOf>): Promise<RecordedEvent[]> =>
  readEvents(await storedEventsOf(...of));

async function storedEventsOf(
  log: EventLog,
  upTo: number,
  positions: Iterable<number>,
  streams: Iterable<string>,
): Promise<StoredEvent[]> {
  const found = [await Array.fromAsync(log.readAt([...positions]))];
  for (const stream of streams) found.push(await Array.fromAsync(log.read(stream)));
  return inOrder(upTo, found.flat());
}

/** Events up to a position, each once, in order. */
export const inOrder = <Event extends { readonly position: number }>(upTo: number, events: readonly Event[]): Event[] =>
  [...new Map(events.filter(({ position }) => position <= upTo).map((event) => [event.position, event])).values()].sort(
    (a, b) => a.position - b.position,
  );

/** Some of the events that something is based on, the earliest first, and the number of all. */
export interface FirstEvents {
  readonly events: readonly Reference[];
  readonly eventCount: number;
}

/** The events at these positions and these others, each once. Only those that are shown are read from the log. */
export async function firstEvents(
  read: (positions: readonly number[]) => Promise<readonly Reference[]>,
  positions: readonly number[],
  others: readonly RecordedEvent[],
  first: number,
): Promise<FirstEvents> {
  const held = new Map(others.map((event) => [event.position, event]));
  const all = [...new Set([...positions, ...held.keys()])].sort((a, b) => a - b);
  const shown = all.slice(0, first);
  const found = await read(shown.filter((position) => !held.has(position)));
  const own = shown.flatMap((position) => held.get(position) ?? []).map(reference);
  return { events: inOrder(Infinity, [...found, ...own]), eventCount: all.length };
}

/** Reads events by their positions, each once. There may be very many: only what is shown of them is kept. */
export function referencesIn(log: EventLog): (positions: readonly number[]) => Promise<Reference[]> {
  const known = new Map<number, Reference>();
  return async (positions) => {
    const unknown = positions.filter((position) => !known.has(position));
    for await (const stored of unknown.length === 0 ? [] : log.readAt(unknown))
      known.set(stored.position, reference(readEvent(stored)));
    return positions.flatMap((position) => known.get(position) ?? []);
  };
}

/** The events that an invoice is based on, and its own events, from the draft on. They are as they were hashed. */
export async function evidenceOfInvoice(context: QueryContext, invoice: IssuedInvoice): Promise<StoredEvent[]> {
  const { core, position } = context;
  const rows = (await issuedRows(context, invoice.invoiceId)).map(({ row }) => row);
  const startOf = await lineStarts(core, invoice.computedAt, rows);
  const streams = new Set([tenantStream(invoice.tenantId)]);
  const positions = new Set<number>();
  // The readings of each deployment and kind are looked up once, from the earliest line to the latest.
  const groups = [
    ...Map.groupBy(rows, ({ deploymentId, billingKind }) => JSON.stringify([deploymentId, billingKind])).values(),
  ].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { deploymentId, billingKind } = first;
    const start = group.map(startOf).reduce(earlier);
    const end = group.map(({ chargePeriod }) => chargePeriod.end).reduce(later);
    return [{ group, of: { position: invoice.computedAt, deploymentId, billingKind, start, end, filter: null } }];
  });
  const found = await readingsOf(
    core,
    groups.map(({ of }) => of),
  );
  for (const [index, { group }] of groups.entries()) {
    const { positions: recorded, keys } = found[index] ?? NO_READINGS;
    for (const each of recorded) positions.add(each);
    for (const row of group) for (const stream of streamsOfRow(row, keys)) streams.add(stream);
  }
  const ofOthers = rows.filter((row) => isPooled(row) || row.billingKind === COMMITMENT);
  const lines = new Map((await linesOfRows(core, invoice, ofOthers)).map((line) => [line.lineId, line]));
  for (const row of ofOthers) {
    const line = lines.get(row.lineId);
    const counted = addedReadings(await readingsOf(core, readingsCounted(invoice.computedAt, line) ?? []));
    const shared = addedReadings(await readingsOf(core, readingsShared(invoice.computedAt, row, line)));
    for (const each of [...counted.positions, ...shared.positions]) positions.add(each);
    for (const stream of [...streamsOfCounted(line, counted), ...streamsOfPool(row, line)]) streams.add(stream);
  }
  const grounds = await storedEventsOf(core.log, invoice.computedAt, positions, streams);
  const own = await ownEvents(core.log, position, invoice);
  return inOrder(position, [...grounds, ...own.map(({ stored }) => stored)]);
}

/** The lines of rows of an invoice, as known when it was computed. */
async function linesOfRows(
  core: LedgerCore,
  { tenantId, computedAt }: IssuedInvoice,
  rows: readonly FrozenRow[],
): Promise<LineDefinition[]> {
  if (rows.length === 0) return [];
  const ids = new Set(rows.map(({ lineId }) => lineId));
  const until = rows.map(({ chargePeriod: { end } }) => end).reduce(later);
  const account = await tenantAccount(core, computedAt, tenantId);
  return (await linesOfTenant(core, computedAt, account, until)).filter(({ lineId }) => ids.has(lineId));
}

/** Where the line of a row begins, or its charge period, if that is earlier. */
async function lineStarts(
  core: LedgerCore,
  position: number,
  rows: readonly FrozenRow[],
): Promise<(row: FrozenRow) => Instant> {
  const lineIds = [...new Set(rows.map(({ lineId }) => lineId))];
  const starts = await readLineStarts(core.db, position, lineIds);
  const byLine = new Map(starts.map(({ root_line_id, start }) => [root_line_id, start]));
  return ({ lineId, chargePeriod: { start } }) => earlier(byLine.get(lineId) ?? start, start);
}

/** The invoice and the credit note that an event of a billing stream names. */
const namedBy = ({ data }: RecordedEvent): { invoiceId: string | null; creditNoteId: string | null } => ({
  invoiceId: 'invoiceId' in data ? data.invoiceId : null,
  creditNoteId: 'creditNoteId' in data ? data.creditNoteId : null,
});

/** The events of an invoice and its credit notes, or of one credit note. */
export async function eventsOfDocument(
  { core, position }: QueryContext,
  {
    documentId,
    ...invoice
  }: { readonly documentId: string; readonly invoiceId: string; readonly tenantId: string; readonly currency: string },
): Promise<RecordedEvent[]> {
  const all = (await ownEvents(core.log, position, invoice)).map(({ event }) => event);
  if (documentId === invoice.invoiceId) return all;
  return all.filter((event) => Object.values(namedBy(event)).includes(documentId));
}

/** The events of an invoice and of its credit notes, in its tenant's billing stream. */
async function ownEvents(
  log: EventLog,
  upTo: number,
  { invoiceId, tenantId, currency }: Pick<IssuedInvoice, 'invoiceId' | 'tenantId' | 'currency'>,
): Promise<{ readonly stored: StoredEvent; readonly event: RecordedEvent }[]> {
  const all: { stored: StoredEvent; event: RecordedEvent; named: ReturnType<typeof namedBy> }[] = [];
  for await (const stored of log.read(billingStream(tenantId, currency))) {
    if (stored.position > upTo) continue;
    for (const event of readEvents([stored])) all.push({ stored, event, named: namedBy(event) });
  }
  const ids = new Set<string | null>([invoiceId]);
  for (const { named } of all)
    if (named.invoiceId === invoiceId && named.creditNoteId !== null) ids.add(named.creditNoteId);
  return all.filter(({ named }) => ids.has(named.creditNoteId) || ids.has(named.invoiceId));
}
