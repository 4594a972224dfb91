import { hash } from 'node:crypto';
import type { CostLine } from '#domain/costs/cost';
import { MAX_EVENT_BYTES } from '#domain/usage/usage';
import type { CostLineContent } from '#projections/costs/costs.table';
import type { RowToWrite } from './staging.js';

const LINES_PER_EVENT = 1000;
/** The names of a line's key and of the event's other fields, and what surrounds them. */
const BYTES_BESIDE_LINE = 32;

const digestOf = (values: readonly (string | null)[]): string => hash('md5', JSON.stringify(values), 'hex');

/** What two lines are compared by. `digest`: their content, without key and details. */
export interface Digests {
  readonly digest: string;
  /** Of what stays the same where the way changed in which a provider's rows are read. */
  readonly likeness: string;
}

/** Of a line in a file. The digests live as long as an import: they are compared with those of `digestsOfRow`. */
export function digestsOf(line: Omit<CostLine, 'lineKey'>): Digests {
  const { kind, resourceId, chargePeriod, amount, currency, category } = line;
  const alike = [kind, resourceId ?? null, chargePeriod.start, chargePeriod.end, amount, currency, category];
  const rest = [line.class ?? null, line.tenantId ?? null, line.effectiveAmount ?? null, line.description ?? null];
  return { digest: digestOf([...alike, ...rest]), likeness: digestOf(alike) };
}

/** The same of a line that is recorded. */
export function digestsOfRow(row: CostLineContent): Digests {
  const { kind, resource_id, charge_period_start, charge_period_end, amount, currency, category } = row;
  const alike = [kind, resource_id, charge_period_start, charge_period_end, amount, currency, category];
  const rest = [row.class, row.tenant_id, row.effective_amount, row.description];
  return { digest: digestOf([...alike, ...rest]), likeness: digestOf(alike) };
}

/** Written by `add`, from a line that its preset checked. The event is checked as a whole when it is appended. */
export const lineIn = (text: string): Omit<CostLine, 'lineKey'> => JSON.parse(text) as Omit<CostLine, 'lineKey'>;

/** Neighbours of one file, bill and outcome, at most as many as fit into one event. */
export function runsOf(rows: readonly RowToWrite[]): RowToWrite[][] {
  const runs: RowToWrite[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const last = runs.at(-1);
    const [first] = last ?? [];
    const size = Buffer.byteLength(row.line) + Buffer.byteLength(JSON.stringify(row.lineKey)) + BYTES_BESIDE_LINE;
    bytes += size;
    const joins =
      last !== undefined &&
      last.length < LINES_PER_EVENT &&
      bytes <= MAX_EVENT_BYTES &&
      first?.file === row.file &&
      first.invoiceRef === row.invoiceRef &&
      first.outcome === row.outcome;
    if (joins) {
      last.push(row);
      continue;
    }
    runs.push([row]);
    bytes = size;
  }
  return runs;
}
