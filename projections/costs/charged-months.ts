import type { RecordedEvent } from '#domain/events';
import { lastInstantBefore } from '#domain/time/instant';
import type { CostLineRow, CostMonthRow } from './costs.table.js';

type Line = Pick<RecordedEvent<'CostRecorded'>['data']['lines'][number], 'chargePeriod' | 'currency'> & {
  readonly category: string;
};

/** The months that the lines of one event charge. A bill has many lines and few months. */
export interface ChargedMonths {
  add(line: Line): void;
  addRow(row: Pick<CostLineRow, 'category' | 'charge_period_end' | 'charge_period_start' | 'currency'>): void;
  rows(): CostMonthRow[];
}

export function monthsCharged(position: number): ChargedMonths {
  const periods = new Map<string, Line>();
  const add = (line: Line): void => {
    const { chargePeriod, currency, category } = line;
    const { start, end } = chargePeriod;
    // For each line of an import: whatever is within the same months has the same key, and is looked at once.
    const until = end.endsWith(BEGIN_OF_MONTH) ? end : end.slice(0, MONTH);
    const key = `${currency} ${category} ${start.slice(0, MONTH)} ${until}`;
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
        last_month: lastInstantBefore(end).slice(0, MONTH),
      }));
      return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
    },
  };
}

/** `2026-04` */
const MONTH = 7;
const BEGIN_OF_MONTH = '-01T00:00:00Z';
