import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { OF_EVERY_COMMAND } from './meanings.js';
import { COMMANDS } from './operations.js';
import { type CommandReference, type FieldReference, jsonTypesOf, referenceOf } from './reference.js';

const ALL = [...COMMANDS.values()].map((each) => referenceOf(each, COMMANDS.values()));
function ofCommand(name: string): CommandReference {
  const found = ALL.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no command ${name}`);
  return found;
}
const DOCUMENT = 'docs/commands.md';

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((each) => each.replaceAll('|', '\\|')).join(' | ')} |`;
const field = ({ path, isRequired, type, meaning, example }: FieldReference): string =>
  row(isRequired ? `**${path}**` : path, type, meaning, example === undefined ? '' : JSON.stringify(example));

const section = ({ name, summary, roles, fields, remedy, example }: CommandReference): string =>
  [
    `## ${name}`,
    `${summary}. For ${roles.join(', ')}. ${remedy}`,
    ['| Field | Type | Meaning | Example |', '|---|---|---|---|', ...fields.map(field)].join('\n'),
    `\`\`\`json\n${JSON.stringify(example)}\n\`\`\``,
  ].join('\n\n');

/** Made of the declarations of the commands. */
const document = (): string =>
  [
    '# Commands',
    'What `ledgerline apply` and `POST /api/v1/commands` accept. `ledgerline commands NAME` shows the same. Required ' +
      'fields are bold. Decimals are text (`"0.01"`), instants are RFC 3339 (`2026-04-01T00:00:00Z`), and a period ' +
      'is `{ "start", "end" }`, without its end.',
    'Every command also has these fields:',
    [
      '| Field | Type | Meaning |',
      '|---|---|---|',
      ...Object.entries(OF_EVERY_COMMAND).map(([name, [type, meaning]]) => row(name, type, meaning)),
    ].join('\n'),
    ...ALL.map(section),
  ].join('\n\n') + '\n';

describe('the reference of commands', () => {
  it.each(ALL)('says what each field of $name means', ({ fields }) => {
    expect(fields.filter(({ type, meaning }) => meaning === '' || type === 'enum' || type === '')).toEqual([]);
  });

  it.each([...COMMANDS.values()])('has an example of the right type for each field of $name', (definition) => {
    const types = jsonTypesOf(definition);
    const typeIn = (value: unknown): string =>
      Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
    const { fields } = referenceOf(definition, COMMANDS.values());
    expect(
      fields.filter(({ path, example }) =>
        example === undefined
          ? !fields.some((other) => other.path.startsWith(`${path}.`) || other.path.startsWith(`${path}[]`))
          : types.get(path)?.has(typeIn(example)) !== true,
      ),
    ).toEqual([]);
  });

  it('names the values of a field, the price models that have it, and how a mistake is corrected', () => {
    const { fields, remedy, roles } = ofCommand('correct-price');
    const at = (path: string) => fields.find((each) => each.path === path);
    expect(at('price.model')).toMatchObject({ isRequired: true, type: expect.stringMatching(/^flat \| unit \| /) });
    expect(at('price.packageSize')?.meaning).toBe('the quantity in a package; of the price model package');
    expect(at('price.tiers')?.meaning).toMatch(/; of the price models graduated and volume$/);
    expect(at('effectiveUntil')).toMatchObject({ isRequired: false, type: 'instant' });
    expect(remedy).toBe('To correct what is recorded, use correct-price or correct-plan.');
    expect(roles).toEqual(['platform_admin', 'operator']);
  });

  it('is also a page of the documentation', () => {
    if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(DOCUMENT, document());
    expect(readFileSync(DOCUMENT, 'utf8')).toBe(document());
  });
});
