import { parseJson, RepeatedField } from '#domain/json-text';
import { isCorrection } from '#ledger/command';
import { jsonTypesOf } from '#operations/reference';
import { commandNamed } from './commands.js';
import { executeOne } from './execute-one.js';
import { isObject } from './output.js';
import { WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly preview?: unknown;
  readonly basedOn?: unknown;
  readonly actor?: unknown;
}

/** Executes one command from `field=value` arguments, or with --preview shows what it would change. */
export async function run([name = '', ...pairs]: readonly string[], options: Options): Promise<number> {
  const types = jsonTypesOf(commandNamed(name));
  if (options.basedOn !== undefined && !isCorrection(name))
    throw new WrongUsage(`--based-on is for corrections only. Remove it from ${name}.`);
  const command: Record<string, unknown> = { command: name };
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1)
      throw new WrongUsage(
        `${JSON.stringify(pair)} is not a field with its value. Quote a value with spaces: reason='a typo'`,
      );
    const path = pair.slice(0, at);
    if (path.split('.').includes('__proto__')) throw new WrongUsage(`${path} is not a field of ${name}`);
    if (path === 'basedOn') throw new WrongUsage('give the position with --based-on, not as the field basedOn');
    put(command, path, valueOf(path, pair.slice(at + 1), types.get(path)));
  }
  return executeOne(command, options);
}

/** `types`: of the field in JSON. undefined: it has no such field, and the command refuses it by name. */
function valueOf(path: string, text: string, types: ReadonlySet<string> | undefined): unknown {
  if (types === undefined) return text;
  if (text === 'null' && types.has('null')) return null;
  if (types.has('string')) return text;
  if (types.has('boolean') && /^(true|false)$/.test(text)) return text === 'true';
  if (types.has('integer') && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (types.has('array') || types.has('object')) {
    const value = jsonIn(text);
    if (value !== undefined) return value;
  }
  throw new WrongUsage(`${path}=${text}: ${path} must be ${WANTED.find(([type]) => types.has(type))?.[1] ?? 'JSON'}`);
}

const WANTED: readonly (readonly [type: string, text: string])[] = [
  ['boolean', 'true or false'],
  ['integer', 'a whole number, such as 6'],
  ['array', 'a list in JSON, such as ["a","b"]'],
  ['object', 'an object in JSON, such as {"a":"b"}, or given field by field: price.model=unit'],
];

/** undefined: it is not JSON. */
function jsonIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RepeatedField) throw new WrongUsage(`${text}: the JSON ${error.message}`);
    return undefined;
  }
}

/** `price.unitAmount` is a field of the object `price`. */
function put(command: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let target = command;
  for (const name of names) {
    if (!Object.hasOwn(target, name)) target[name] = {};
    const inner = target[name];
    if (!isObject(inner)) throw new WrongUsage(`${path} is given, but ${name} already has a value that has no fields.`);
    target = inner;
  }
  if (Object.hasOwn(target, last)) throw new WrongUsage(`${path} is given twice. Give it once.`);
  target[last] = value;
}
