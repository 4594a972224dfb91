import { type CostLine, zCostLine } from '#domain/costs/cost';
import { isPlainContent } from '#domain/costs/plain';
import { parse } from '#domain/schema';
import { MAX_EVENT_BYTES } from '#domain/usage/usage';
import type { BilledLine } from '#projections/costs/costs.read';
import { digestOf } from './digest.js';
import type { RowToWrite } from './staging.js';

const LINES_PER_EVENT = 1000;
/** The names of a line's key and of the event's other fields, and what surrounds them. */
const BYTES_BESIDE_LINE = 32;

/** No text has this character. */
const ABSENT = '\u0000';
const joined = (values: readonly (string | null | undefined)[]): string =>
  values.map((value) => value ?? ABSENT).join(`${ABSENT}|`);
const digestsOfTexts = (alike: string, rest: string, details: string | null): Digests => ({
  digest: digestOf(`${alike}${ABSENT}|${rest}`),
  likeness: digestOf(alike),
  details,
});

/** What two lines are compared by, in 16 bytes each. `digest`: of their content, without key and details. */
export interface Digests {
  readonly digest: string;
  /** Of what stays the same where the way changed in which a provider's rows are read. */
  readonly likeness: string;
  /** Of its details. null: there are none. */
  readonly details: string | null;
}

/** Of a line in a file. The digests live as long as an import: they are compared with those of `digestsOfRow`. */
export function digestsOf(line: Omit<CostLine, 'lineKey'>): Digests {
  const { kind, resourceId, chargePeriod, amount, currency, category } = line;
  return digestsOfTexts(
    joined([kind, resourceId, chargePeriod.start, chargePeriod.end, amount, currency, category]),
    joined([line.class, line.tenantId, line.effectiveAmount, line.description]),
    line.focus === undefined ? null : digestOf(JSON.stringify(line.focus)),
  );
}

/** The same of a line that is recorded. */
export function digestsOfRow(row: BilledLine): Digests {
  const { kind, resource_id, charge_period_start, charge_period_end, amount, currency, category } = row;
  return digestsOfTexts(
    joined([kind, resource_id, charge_period_start, charge_period_end, amount, currency, category]),
    joined([row.class, row.tenant_id, row.effective_amount, row.description]),
    row.details,
  );
}

/**
 * A line as JSON, without its key, an id, which the comparison gives it. Errors: an Error (a defect), if it is none.
 */
export function lineText(line: Omit<CostLine, 'lineKey'>, key: string): string {
  if (isPlainContent(line)) return JSON.stringify(line);
  const { lineKey: _key, ...checked } = parse(zCostLine, { lineKey: key, ...line }, 'a cost line');
  return JSON.stringify(checked);
}

interface WrittenLines {
  readonly provider: string;
  readonly invoiceRef: string;
  readonly lines: readonly Pick<RowToWrite, 'lineKey' | 'line'>[];
  /** Of a correction. */
  readonly reason?: string;
}

/** The data of CostRecorded or CostCorrected as JSON, of lines as `lineText` wrote them. */
export function writtenLines({ provider, invoiceRef, lines, reason }: WrittenLines): string {
  const written = lines.map(({ lineKey, line }) => `{"lineKey":${JSON.stringify(lineKey)},${line.slice(1)}`);
  const bill = `"provider":${JSON.stringify(provider)},"invoiceRef":${JSON.stringify(invoiceRef)}`;
  const why = reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`;
  return `{${bill},"lines":[${written.join(',')}]${why}}`;
}

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
