import type { z } from 'zod';
import { COMMANDS, QUERIES } from '#operations/operations';

/** Parameters that every query takes. The help names them once. */
const OF_EVERY_QUERY: readonly string[] = ['asOf', 'knownAt'];

/** Every query with what it answers and its parameters; those in brackets may be left out. */
export const queriesHelp = (): string =>
  listed(
    'Queries, with their parameters (each query also takes asOf and knownAt)',
    [...QUERIES.values()].map(({ name, summary, params }) => ({
      name,
      summary,
      fields: fieldsOf(params).filter((field) => !OF_EVERY_QUERY.includes(field.replace(/^\[(.*)\]$/, '$1'))),
    })),
  );

/** Every command with what it does and its fields; those in brackets may be left out. */
export const commandsHelp = (): string =>
  listed(
    'Commands, with their fields (each command also takes idempotencyKey, occurredAt and reason)',
    [...COMMANDS.values()].map(({ name, summary, fields }) => ({ name, summary, fields: fieldsOf(fields) })),
  );

const fieldsOf = ({ shape }: z.ZodObject): string[] =>
  Object.entries<z.ZodType>(shape).map(([name, field]) => (field.safeParse(undefined).success ? `[${name}]` : name));

interface Listed {
  readonly name: string;
  readonly summary: string;
  readonly fields: readonly string[];
}

const listed = (title: string, operations: readonly Listed[]): string =>
  [
    `\n${title}:`,
    ...operations.flatMap(({ name, summary, fields }) => [
      `  ${name}: ${summary}`,
      ...(fields.length === 0 ? [] : [`    ${fields.join(' ')}`]),
    ]),
  ].join('\n');
