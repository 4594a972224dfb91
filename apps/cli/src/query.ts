import { print, printJson, table } from './output.js';
import { cliCaller, withLedger } from './session.js';

/** A list that is asked for one by its id. */
const ONE_OF: Readonly<Record<string, string>> = { invoices: 'invoice', lines: 'line' };

/** Asks a read model: the same answers as REST. */
export async function run([name = '', ...given]: readonly string[], options: { dataDir: string; json: boolean; asOf?: unknown }): Promise<number> {
  const params = Object.fromEntries(given.map(pair));
  if (typeof options.asOf === 'string') params['asOf'] = options.asOf;
  const query = 'id' in params ? (ONE_OF[name] ?? name) : name;
  return withLedger(options, async (ledger) => {
    const answer = await ledger.ask(query, params, cliCaller());
    if (options.json) printJson(answer);
    else show(answer);
    return 0;
  });
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Error(`${JSON.stringify(text)} is not a parameter such as tenantId=dashboard-pilot`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function show(answer: unknown): void {
  if (isList(answer)) {
    print(answer.items.length === 0 ? 'none' : table(answer.items.map(flat)));
    if (answer.nextCursor !== null) print(`more: cursor=${answer.nextCursor}`);
    return;
  }
  if (typeof answer === 'object' && answer !== null) {
    for (const [key, value] of Object.entries(answer)) {
      if (Array.isArray(value) && value.length > 0) print(`${key}:\n${table((value as object[]).map(flat)).replace(/^/gm, '  ')}`);
      else print(`${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    }
  } else print(String(answer));
}

/** Rows within a row are many: their number says enough, --json has them. */
const flat = (item: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([key, value]) => [key, Array.isArray(value) && typeof value[0] === 'object' ? `${value.length}` : value]));

const isList = (answer: unknown): answer is { items: object[]; nextCursor: string | null } =>
  typeof answer === 'object' && answer !== null && 'items' in answer && Array.isArray(answer.items);
