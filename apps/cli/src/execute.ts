import { OF_EVERY_COMMAND } from '#operations/meanings';
import { referenceOf } from '#operations/reference';
import { commandNamed } from './commands.js';
import { executeOne } from './execute-one.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly preview?: unknown;
  readonly actor?: unknown;
}

/** Executes one command from `field=value` arguments, or with --preview shows what it would change. */
export async function run([name = '', ...pairs]: readonly string[], options: Options): Promise<number> {
  const { fields } = referenceOf(commandNamed(name));
  const types = new Map([
    ...Object.entries(OF_EVERY_COMMAND).map(([path, [type]]) => [path, type] as const),
    ...fields.map(({ path, type }) => [path, type] as const),
  ]);
  const command: Record<string, unknown> = { command: name };
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1)
      throw new WrongUsage(`${JSON.stringify(pair)} is not a field with its value. Write for example: reason='a typo'`);
    const [path, text] = [pair.slice(0, at), pair.slice(at + 1)];
    put(command, path, valueOf(path, text, types.get(path)));
  }
  return executeOne(command, options);
}

/** Values that are no text: JSON says which they are. */
const AS_JSON = ['integer', 'boolean', 'object', 'period'];

function valueOf(path: string, text: string, type: string | undefined): unknown {
  if (text === 'null' && type !== 'text') return null;
  if (type === undefined || !(AS_JSON.includes(type) || type.startsWith('list of'))) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new WrongUsage(`${path}=${text} is not JSON. Give this field (${type}) as JSON.`);
  }
}

/** `price.unitAmount` is a field of the object `price`. */
function put(command: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let target = command;
  for (const name of names) {
    const inner = (target[name] ??= {});
    if (!isFields(inner)) throw new WrongUsage(`${path} is given, but ${name} already has a value that has no fields.`);
    target = inner;
  }
  if (last in target) throw new WrongUsage(`${path} is given twice. Give it once.`);
  target[last] = value;
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
