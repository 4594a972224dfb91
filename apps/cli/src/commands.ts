import { COMMANDS } from '#operations/operations';
import type { CommandDefinition } from '#ledger/define-command';
import { didYouMean } from '#ledger/nearest';
import { OF_EVERY_COMMAND } from '#operations/meanings';
import { type CommandReference, referenceOf } from '#operations/reference';
import { print, printJson, table, widthOfTerminal } from './output.js';
import { WrongUsage } from './wrong-usage.js';

/** Shows the commands that `apply` takes, or one of them with its fields. */
export async function run([name]: readonly string[], { json }: { json: boolean }): Promise<number> {
  if (name === undefined) {
    const all = [...COMMANDS.values()].map((each) => referenceOf(each, COMMANDS.values()));
    if (json) printJson(all);
    else print(table(all.map((each) => ({ command: each.name, 'what it does': each.summary }))));
    return 0;
  }
  const reference = referenceOf(commandNamed(name), COMMANDS.values());
  if (json) printJson(reference);
  else show(reference);
  return 0;
}

/** Errors: WrongUsage. */
export function commandNamed(name: string): CommandDefinition {
  const definition = COMMANDS.get(name);
  if (definition === undefined)
    throw new WrongUsage(
      `unknown command ${JSON.stringify(name)}.${didYouMean(name, COMMANDS.keys())} Run: ledgerline commands`,
    );
  return definition;
}

function show({ name, summary, roles, fields, remedy, example }: CommandReference): void {
  print(`${name}: ${summary}`);
  print(`for ${roles.join(', ')}\n`);
  const rows = [
    ...fields.map(({ path, isRequired, type, meaning, example: value }) => ({
      field: path,
      required: isRequired ? 'yes' : '',
      type,
      meaning,
      example: value === undefined ? '' : JSON.stringify(value),
    })),
    ...Object.entries(OF_EVERY_COMMAND)
      .filter(([field]) => field !== 'command' && !fields.some(({ path }) => path === field))
      .map(([field, [type, meaning]]) => ({ field, required: '', type, meaning, example: '' })),
  ];
  const text = table(rows);
  const isFitting = Math.max(...text.split('\n').map((line) => line.length)) <= widthOfTerminal();
  print(isFitting ? text : rows.map(listed).join('\n'));
  print(`\nmistakes: ${remedy}`);
  print(`example: ${JSON.stringify(example)}`);
}

/** A field on two lines, for a terminal that is narrower than the table. */
const listed = (row: Readonly<Record<'field' | 'required' | 'type' | 'meaning' | 'example', string>>): string =>
  `${row.field}  ${row.type}${row.required === '' ? '' : ', required'}\n    ${row.meaning}` +
  (row.example === '' ? '' : `\n    such as ${row.example}`);
