import { queryNamed } from '#operations/answering';
import { QUERIES } from '#operations/operations';
import { csvLine } from '#exchange/rows/csv-line';
import { cell, isObject, isPeriod, print, printFitted, printJson, say, table, widthOfTerminal } from './output.js';
import { rowsOf } from './rows-of.js';
import { cliCaller, withLedger } from './session.js';
import { asked, readOption, WrongUsage } from './wrong-usage.js';

/** Queries a read model, with the same answers as REST. */
export async function run(
  [name = '', ...parameters]: readonly string[],
  options: { dataDir: string; json: boolean; csv?: unknown; list?: unknown; wide?: unknown; asOf?: unknown },
): Promise<number> {
  const isCsv = options.csv === true;
  if (options.json && isCsv) throw new WrongUsage('--json and --csv exclude each other. Give one of them');
  const list = typeof options.list === 'string' ? options.list : undefined;
  if (list !== undefined && !isCsv) throw new WrongUsage('--list is for --csv. Add --csv, or omit --list.');
  const width = options.wide === true ? Infinity : widthOfTerminal();
  const params = Object.fromEntries(parameters.map(pair));
  if (typeof options.asOf === 'string') params['asOf'] = options.asOf;
  const query = 'id' in params ? oneOf(name) : name;
  // Before an embedded Postgres is started for it.
  const definition = readOption(() => queryNamed(query));
  return withLedger(options, async (ledger) => {
    const { answer, dates } = await asked(ledger.answerNamed(query, params, cliCaller()));
    for (const { field, date, timeZone, instant } of dates) say(`${field} ${date} in ${timeZone} is ${instant}`);
    if (options.json) printJson(answer);
    else if (isCsv) printCsv(answer, definition, list);
    else show(answer, width);
    return 0;
  });
}

/** The query for one item of a list, by its path: `invoices id=…` becomes `invoice`. */
function oneOf(list: string): string {
  const path = QUERIES.get(list)?.path;
  return [...QUERIES.values()].find((query) => query.path === `${path ?? ''}/:id`)?.name ?? list;
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new WrongUsage(`${JSON.stringify(text)} is not a parameter such as tenantId=dashboard-pilot`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function printCsv(answer: unknown, { name, answer: schema }: ReturnType<typeof queryNamed>, list?: string): void {
  const found = rowsOf(answer, schema, list);
  const rows = found.rows.map(withoutPeriods);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  print([csvLine(columns), ...rows.map((row) => csvLine(columns.map((column) => row[column])))].join('\n'));
  if (isList(answer) && answer.nextCursor !== null) say(`more: cursor=${answer.nextCursor}`);
  if (list === undefined && found.others.length > 0)
    say(
      `not printed: ${found.others.join(', ')}. Choose one with --list.` +
        (QUERIES.has(`${name}-csv`) ? ` The query ${name}-csv has all in one table.` : ''),
    );
}

/** `period` becomes `period.start` and `period.end`, as in exports. */
const withoutPeriods = (row: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(row).flatMap(([key, value]) =>
      isPeriod(value)
        ? [
            [`${key}.start`, value.start],
            [`${key}.end`, value.end],
          ]
        : [[key, value]],
    ),
  );

function show(answer: unknown, width: number): void {
  if (isList(answer)) {
    if (answer.items.length === 0) print('none');
    else printFitted(answer.items.map(flat), width);
    if (answer.nextCursor !== null) print(`more: cursor=${answer.nextCursor}`);
    if (answer.pruned !== undefined)
      say(
        `raw usage records of ${answer.pruned.join(', ')} were pruned and are not listed. ` +
          'The query usage has the quantities.',
      );
  } else if (isObject(answer)) {
    for (const [key, value] of Object.entries(answer)) showField(key, value);
  } else print(cell(answer));
}

/** Prints a field. A nested field has a path: `byKind.revenue`. */
function showField(path: string, value: unknown): void {
  if (Array.isArray(value) && value.every(isObject)) {
    print(value.length === 0 ? `${path}: none` : `${path}:\n${table(value.map(flat)).replace(/^/gm, '  ')}`);
  } else if (!isObject(value) || isPeriod(value)) print(`${path}: ${cell(value)}`);
  else if (Object.values(value).some((each) => typeof each === 'object' && each !== null)) {
    for (const [key, each] of Object.entries(value)) showField(`${path}.${key}`, each);
  } else
    print(
      `${path}: ${Object.entries(value)
        .map(([key, each]) => `${key} ${cell(each)}`)
        .join('  ')}`,
    );
}

/** Nested rows are shown as their number. --json has them all. */
const flat = (item: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([key, value]) => [key, isRows(value) ? `${value.length}` : value]));

const isRows = (value: unknown): value is object[] => Array.isArray(value) && typeof value[0] === 'object';

/** Whether an answer is a page of a list. Others may have items and more, such as the position of the feed. */
const isList = (answer: unknown): answer is { items: object[]; nextCursor: string | null; pruned?: string[] } =>
  typeof answer === 'object' &&
  answer !== null &&
  'nextCursor' in answer &&
  'items' in answer &&
  Array.isArray(answer.items);
