import { inFocusOrder } from '#domain/costs/focus';
import type { RecordedEvent } from '#domain/events';
import { COPY_NULL, CopyLines, copyText } from '#read-model/copy';
import { copiedAsNew } from '#read-model/new-rows';
import type { Projection } from '#read-model/projection';
import { changing, type Handler, type Touch } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { type ChargedMonths, monthsCharged } from './charged-months.js';
import { costDeliveries, type CostDeliveryRow, type CostLineRow, costLines, costMonths } from './costs.table.js';

type CostEvents = 'CostRecorded' | 'CostCorrected';
type Line = RecordedEvent<CostEvents>['data']['lines'][number];

const toRow = (provider: string, invoiceRef: string, line: Line): CostLineRow => ({
  provider,
  invoice_ref: invoiceRef,
  line_key: line.lineKey,
  resource_id: line.resourceId ?? null,
  kind: line.kind,
  charge_period_start: line.chargePeriod.start,
  charge_period_end: line.chargePeriod.end,
  amount: line.amount,
  effective_amount: line.effectiveAmount ?? null,
  currency: line.currency,
  category: line.category,
  class: line.class ?? null,
  tenant_id: line.tenantId ?? null,
  description: line.description ?? null,
  focus: line.focus === undefined ? null : inFocusOrder(line.focus),
});

const touching = (position: number, provider: string, invoiceRef: string, lineKeys: readonly string[]): Touch[] => [
  { table: costMonths, group: [position] },
  ...lineKeys.map((lineKey) => ({ table: costLines, group: [provider, invoiceRef, lineKey] })),
];

/** Both events set lines: a correction contains the corrected lines as a whole. */
const setLines: Handler<CostEvents> = {
  touches: ({ data, position }) =>
    touching(
      position,
      data.provider,
      data.invoiceRef,
      data.lines.map(({ lineKey }) => lineKey),
    ),
  apply: ({ data, position }, rows) => {
    const months = monthsCharged(position);
    for (const line of data.lines) {
      const key = [data.provider, data.invoiceRef, line.lineKey];
      for (const before of rows.get(costLines, ...key)) months.addRow(before);
      months.add(line);
      rows.set(costLines, key, [toRow(data.provider, data.invoiceRef, line)]);
    }
    rows.set(costMonths, [position], months.rows());
  },
};

const withdrawLine: Handler<'CostWithdrawn'> = {
  touches: ({ data, position }) => touching(position, data.provider, data.invoiceRef, [data.lineKey]),
  apply: ({ data, position }, rows) => {
    const months = monthsCharged(position);
    const key = [data.provider, data.invoiceRef, data.lineKey];
    for (const before of rows.get(costLines, ...key)) months.addRow(before);
    rows.set(costLines, key, []);
    rows.set(costMonths, [position], months.rows());
  },
};

const ofDelivery = ({ data }: { readonly data: Pick<CostDeliveryRow, 'provider' | 'delivery'> }): readonly string[] => [
  data.provider,
  data.delivery,
];

const costs = versionedProjection('costs', {
  version: 6,
  tables: [costLines, costMonths, costDeliveries],
  on: {
    CostRecorded: setLines,
    CostCorrected: setLines,
    CostWithdrawn: withdrawLine,
    CostDeliveryStarted: changing<'CostDeliveryStarted', typeof costDeliveries>(
      costDeliveries,
      ofDelivery,
      ({ data }, [before]) => [
        {
          provider: data.provider,
          delivery: data.delivery,
          // What is not the whole joins the delivery that is there.
          name: (data.mode === 'whole' || before === undefined ? data.name : before.name) ?? null,
          mode: data.mode,
          files: data.mode === 'whole' ? [] : (before?.files ?? []),
          pending: data.files,
        },
      ],
    ),
    CostDeliveryCompleted: changing<'CostDeliveryCompleted', typeof costDeliveries>(
      costDeliveries,
      ofDelivery,
      (_, rows) => rows.map((row) => ({ ...row, files: [...row.files, ...row.pending], pending: [] })),
    ),
  },
});

/** An event of so many lines is copied by itself. Smaller ones are looked up together. */
const COPIED_FROM = 100;

/** The lines of a bill are nearly always new: `CostRecorded` is decided only for lines that are not in force. */
export const costsProjection: Projection<'costs'> = {
  ...costs,
  async project(batch, client) {
    for (const events of neighbours(batch)) {
      const lines = events.every(isLarge) ? newLines(events) : null;
      if (lines === null || !(await copiedAsNew(client, lines))) await costs.project(events, client);
    }
  },
};

const isLarge = (event: RecordedEvent): event is RecordedEvent<'CostRecorded'> =>
  event.type === 'CostRecorded' && (event.written !== undefined || event.data.lines.length >= COPIED_FROM);

/** Events in their order, the large ones apart. */
function neighbours(batch: readonly RecordedEvent[]): RecordedEvent[][] {
  const groups: RecordedEvent[][] = [];
  for (const event of batch) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && isLarge(last[0]) === isLarge(event)) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

const TARGET = { table: costLines.name, columns: [...Object.keys(costLines.columns), 'position_from'] };

const MONTHS_COLUMNS = ['marked_at', 'currency', 'is_tax', 'first_month', 'last_month'] as const;
const MONTHS_TARGET = { table: costMonths.name, columns: [...MONTHS_COLUMNS, 'position_from'] };

function newLines(events: readonly RecordedEvent<'CostRecorded'>[]): CopyLines {
  const lines = new CopyLines();
  for (const event of events) {
    const months = monthsCharged(event.position);
    const { provider, invoiceRef, rows } = copiedOf(event, months);
    const bill = `${copyText(provider)}\t${copyText(invoiceRef)}`;
    for (const row of rows) lines.add(TARGET, `${bill}\t${row}\t${event.position}`);
    for (const row of months.rows())
      lines.add(MONTHS_TARGET, [...MONTHS_COLUMNS.map((column) => String(row[column])), event.position].join('\t'));
  }
  return lines;
}

interface Copied {
  readonly provider: string;
  readonly invoiceRef: string;
  /** Of each line, the columns that come after those of its bill. */
  readonly rows: Iterable<string>;
}

const copiedOf = (event: RecordedEvent<'CostRecorded'>, months: ChargedMonths): Copied => {
  const written = event.written === undefined ? null : writtenParts(event.written, months);
  if (written !== null) return written;
  const { provider, invoiceRef, lines } = event.data;
  return {
    provider,
    invoiceRef,
    rows: lines.map((line) => {
      months.add(line);
      return columnsOf(line, detailsOf(line));
    }),
  };
};

const BEGIN_LINES = ',"lines":[{"lineKey":';
const NEXT_LINE = ',{"lineKey":';
const BEGIN_DETAILS = ',"focus":{';
const AFTER_DETAILS = ['},"', '},{"'];
const END_LINES = ']}';

/**
 * The same from JSON that an import wrote, without reading the details of each line only to write them again: they are
 * most of it. A quote within a text is escaped, so the marks are found only where they are meant. null: it is written
 * otherwise.
 */
function writtenParts(written: string, months: ChargedMonths): Copied | null {
  const begin = written.indexOf(BEGIN_LINES);
  if (begin === -1 || !written.endsWith(END_LINES)) return null;
  const { provider, invoiceRef } = JSON.parse(`${written.slice(0, begin)}}`) as Pick<Copied, 'provider' | 'invoiceRef'>;
  const lines = written.slice(begin + BEGIN_LINES.length, -END_LINES.length).split(NEXT_LINE);
  try {
    return { provider, invoiceRef, rows: lines.map((line) => writtenColumns(line, months)) };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function writtenColumns(text: string, months: ChargedMonths): string {
  const details = text.indexOf(BEGIN_DETAILS);
  const isLast = details !== -1 && !AFTER_DETAILS.some((mark) => text.includes(mark, details));
  const line = JSON.parse(`{"lineKey":${isLast ? `${text.slice(0, details)}}` : text}`) as Line;
  months.add(line);
  return columnsOf(line, isLast ? copyText(text.slice(details + BEGIN_DETAILS.length - 1, -1)) : detailsOf(line));
}

const orNull = (value: string | null | undefined): string =>
  value === null || value === undefined ? COPY_NULL : copyText(value);
const detailsOf = ({ focus }: Line): string =>
  focus === undefined ? COPY_NULL : copyText(JSON.stringify(inFocusOrder(focus)));

/** In the order of the table. */
const columnsOf = (line: Line, details: string): string =>
  `${copyText(line.lineKey)}\t${orNull(line.resourceId)}\t${copyText(line.kind)}\t${line.chargePeriod.start}\t` +
  `${line.chargePeriod.end}\t${line.amount}\t${orNull(line.effectiveAmount)}\t${line.currency}\t${line.category}\t` +
  `${orNull(line.class)}\t${orNull(line.tenantId)}\t${orNull(line.description)}\t${details}`;
