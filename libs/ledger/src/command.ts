import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EventSource, LedgerEvent } from '#domain/events';
import { type ErrorKind, invalid, type FieldError } from '#domain/errors';
import { parse, shaped, zId, zInstant, zText } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { type Caller, confinedTo } from './caller.js';

/** What a command came to: `done` with the position of its last event, `unchanged` where it was known already. */
export interface CommandDone {
  readonly status: 'done' | 'unchanged';
  readonly result?: object;
  readonly position?: number;
}

export type CommandOutcome =
  | ({ readonly command: string } & CommandDone)
  | {
      readonly command: string;
      readonly status: 'refused';
      readonly error: {
        readonly code: string;
        readonly kind: ErrorKind;
        readonly message: string;
        readonly errors?: readonly FieldError[];
      };
    };

/** A command as given: its fields checked, and what identifies it. A key is remembered by the events that carry it. */
export interface CommandCall<Fields = unknown> {
  readonly name: string;
  readonly fields: Fields;
  readonly occurredAt: Instant | null;
  /** The natural key, the idempotency key of a correction, or a hash of the body. */
  readonly key: string;
  /** Whether the key makes the command known: not where its handler recognises what is known by itself. */
  readonly isKeyed: boolean;
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
  /** The log position that a correction was decided on; null: whatever stands when it comes. */
  readonly basedOn: number | null;
  readonly caller: Caller;
  /** Where in a file each of its facts was read; undefined: in none. */
  readonly sourceOf?: (event: LedgerEvent) => EventSource | undefined;
  /** Awaited right before its facts are appended: who carries out several commands at once keeps their order in the log so. */
  readonly inTurn?: () => Promise<void>;
}

export interface CommandDefinition<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly name: Name;
  readonly schema: Schema;
  /**
   * The fields of its natural key: the same again is `unchanged`, another body a conflict. `body`: the whole body is the
   * key, unless the command has an idempotency key of its own. `none`: the handler recognises what is known by itself.
   */
  readonly key: ((fields: z.output<Schema>) => readonly unknown[]) | 'body' | 'none';
  /** Fields that are about a person: no hash of them is recorded, which would outlive their erasure. Whether they are the same, the handler finds out. */
  readonly personal?: readonly (keyof z.output<Schema>)[];
}

export const defineCommand = <const Name extends string, Schema extends z.ZodType>(
  definition: CommandDefinition<Name, Schema>,
): CommandDefinition<Name, Schema> => definition;

const zEnvelope = z.looseObject({
  command: z.string('must name a command'),
  idempotencyKey: zId.optional(),
  occurredAt: zInstant.optional(),
});
/** What a correction may carry besides. */
export const zBasedOn = z.object({
  basedOn: z
    .int()
    .nonnegative()
    .optional()
    .describe('The log position that it was decided on: overtaken, where another came in between'),
});
export const isCorrection = (name: string): boolean => name.startsWith('correct-');

/** JSON with its keys in order: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`)
    .join(',')}}`;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The command's name alone, for messages about one that can't be read. */
export const nameOf = (input: unknown): string =>
  typeof input === 'object' && input !== null && 'command' in input && typeof input.command === 'string'
    ? input.command
    : '(no command)';

/** Checks a command against its schema. Errors: `unknown_command`, `invalid_input` with every field at fault. */
export function readCommand(
  definitions: ReadonlyMap<string, CommandDefinition>,
  input: unknown,
  caller: Caller,
): CommandCall {
  const envelope = parse(zEnvelope, input, 'command');
  const definition = definitions.get(envelope.command);
  if (definition === undefined) {
    throw invalid(
      'unknown_command',
      `there is no command ${JSON.stringify(envelope.command)}; there are ${[...definitions.keys()].join(', ')}`,
    );
  }
  const { command: name, idempotencyKey: keyGiven, occurredAt, ...given } = envelope;
  const idempotencyKey = ownKey(caller, keyGiven ?? null);
  const { basedOn, body } = isCorrection(name) ? withoutBasis(name, given) : { basedOn: null, body: given };
  const fields: unknown = shaped(withReason(definition.schema, body), body, name);
  const bodyHash = sha256(canonicalJson({ name, fields: withoutPersonal(definition, fields) }));
  return {
    name,
    fields,
    occurredAt: occurredAt ?? null,
    key: keyOf(definition, fields, idempotencyKey, bodyHash),
    isKeyed: definition.key !== 'none',
    idempotencyKey,
    bodyHash,
    basedOn,
    caller,
  };
}

/** A tenant's device has keys of its own: it can neither take an operator's, nor learn by a conflict which there are. */
function ownKey(caller: Caller, key: string | null): string | null {
  const tenantId = confinedTo(caller);
  return key === null || tenantId === null ? key : `${tenantId}${OF_TENANT}${key}`;
}

/** No id and no key has it. */
const OF_TENANT = '\u0001';

/** A key as it was given. */
export const givenKey = (key: string): string => key.slice(key.indexOf(OF_TENANT) + 1);

const withoutPersonal = ({ personal = [] }: CommandDefinition, fields: unknown): unknown =>
  personal.length === 0 || typeof fields !== 'object' || fields === null
    ? fields
    : Object.fromEntries(Object.entries(fields).filter(([field]) => !(personal as readonly string[]).includes(field)));

/** What a correction is based on is no part of what it says. */
function withoutBasis(
  name: string,
  { basedOn, ...body }: Record<string, unknown>,
): { basedOn: number | null; body: Record<string, unknown> } {
  return { basedOn: shaped(zBasedOn, { basedOn }, name).basedOn ?? null, body };
}

/** Any command may give a reason; where its schema has none of its own, it is checked and left to the envelope. */
function withReason(schema: z.ZodType, body: Record<string, unknown>): z.ZodType {
  if (!(schema instanceof z.ZodObject) || 'reason' in schema.shape || !('reason' in body)) return schema;
  return schema.extend({ reason: zText });
}

function keyOf(
  definition: CommandDefinition,
  fields: unknown,
  idempotencyKey: string | null,
  bodyHash: string,
): string {
  const { name, key } = definition;
  if (typeof key === 'function') return `${name}:${JSON.stringify(key(fields))}`;
  return idempotencyKey === null ? `${name}:${bodyHash}` : `idempotency:${idempotencyKey}`;
}

/** A step of a command's work, named as its own in the log; only the last one, the call itself, makes the command known by its key. */
export const stepOf = (call: CommandCall): CommandCall => ({
  ...call,
  key: `${call.name}:${call.bodyHash}`,
  isKeyed: false,
  idempotencyKey: null,
});

/** Narrows a call to a definition's fields: its schema has checked them. */
export const isCall = <Schema extends z.ZodType>(
  call: CommandCall,
  definition: CommandDefinition<string, Schema>,
): call is CommandCall<z.output<Schema>> => call.name === definition.name;
