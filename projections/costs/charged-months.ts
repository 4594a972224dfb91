import type { RecordedEvent } from '#domain/events';
import type { Instant } from '#domain/time/instant';
import { fromMicros, micros } from '#domain/time/instant';
import type { CostLineRow, CostMonthRow } from './costs.table.js';

type Line = Pick<RecordedEvent<'CostRecorded'>['data']['lines'][number], 'chargePeriod' | 'currency'> & {
  readonly category: string;
};

/** The months that the lines of one event charge. A bill has many lines and few periods. */
export interface ChargedMonths {
  add(line: Line): void;
  addRow(row: Pick<CostLineRow, 'category' | 'charge_period_end' | 'charge_period_start' | 'currency'>): void;
  rows(): CostMonthRow[];
}

export function monthsCharged(position: number): ChargedMonths {
  const periods = new Map<string, Line>();
  const add = (line: Line): void => {
    const { chargePeriod, currency, category } = line;
    const key = `${currency} ${category} ${chargePeriod.start} ${chargePeriod.end}`;
    if (!periods.has(key)) periods.set(key, line);
  };
  return {
    add,
    addRow(row) {
      const { charge_period_start: start, charge_period_end: end, category, currency } = row;
      add({ chargePeriod: { start, end }, category, currency });
    },
    rows() {
      const rows = [...periods.values()].map(({ chargePeriod: { start, end }, currency, category }) => ({
        marked_at: position,
        currency,
        is_tax: category === 'tax',
        first_month: start.slice(0, MONTH),
        last_month: lastInstant(end).slice(0, MONTH),
      }));
      return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
    },
  };
}

/** `2026-04` */
const MONTH = 7;
const lastInstant = (end: Instant): Instant => fromMicros(micros(end) - 1n);
