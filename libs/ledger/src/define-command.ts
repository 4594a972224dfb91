import { z } from 'zod';
import { invalid } from '#domain/errors';
import { parse, shaped, zId, zInstant, zText } from '#domain/schema';
import { type Caller, confinedTo, type Role } from './caller.js';
import { canonicalJson, type CommandCall, type CommandDone, OF_TENANT, sha256 } from './command.js';
import type { LedgerCore } from './ledger-core.js';

/** Who may execute a command that names no roles of its own. */
export const WRITERS: readonly Role[] = ['platform_admin', 'operator'];

/** A command, whole: REST, GraphQL, the OpenAPI document, the typed client and the command line are made from it. */
export interface CommandDefinition<Fields extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  readonly fields: Fields;
  /**
   * A function: the fields of its natural key. The same again is `unchanged`, another body a conflict. `body`: the whole body is the key, unless the
   * command has an idempotency key of its own. `none`: `handle` recognises what is known.
   */
  readonly key: NaturalKey<Fields>['of'] | 'body' | 'none';
  /** Fields about a person. Their hash is not recorded: it would outlive their erasure. */
  readonly personal?: Personal<Fields>;
  /** `WRITERS` unless given. */
  readonly roles?: readonly Role[];
  /** A preview takes facts that change what is owed. It refuses commands that bill these, or that repair the read models. */
  readonly isPreviewed?: false;
  /** Fields that the documentation shows. The examples of all operations tell one story. */
  readonly example: z.input<Fields>;
  /** Loads, decides, appends. `core` is the ledger's own, or a trial's. */
  handle(call: CommandCall<z.output<Fields>>, core: LedgerCore): Promise<CommandDone>;
}

interface NaturalKey<Fields extends z.ZodObject> {
  of(fields: z.output<Fields>): readonly unknown[];
}

interface Personal<Fields extends z.ZodObject> {
  readonly fields: readonly (keyof z.output<Fields>)[];
  /** The hash does not cover these fields, so this compares them for a command that is known. Errors: `conflicting_body`. */
  assertSame(call: CommandCall<z.output<Fields>>, core: LedgerCore): Promise<void>;
}

export const defineCommand = <Fields extends z.ZodObject>(
  definition: CommandDefinition<Fields>,
): CommandDefinition<Fields> => definition;

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

/** A command that was read: its definition, and the call with its fields checked. */
export interface ReadCommand {
  readonly definition: CommandDefinition;
  readonly call: CommandCall<Record<string, unknown>>;
}

/** Checks a command against its schema. Errors: `unknown_command`, `invalid_input` with every field at fault. */
export function readCommand(
  definitions: ReadonlyMap<string, CommandDefinition>,
  input: unknown,
  caller: Caller,
): ReadCommand {
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
  const fields = shaped(withReason(definition.fields, body), body, name);
  const bodyHash = sha256(canonicalJson({ name, fields: withoutPersonal(definition, fields) }));
  const call = {
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
  return { definition, call };
}

/** A tenant's device has keys of its own: it can neither take an operator's, nor learn from a conflict which keys there are. */
function ownKey(caller: Caller, key: string | null): string | null {
  const tenantId = confinedTo(caller);
  return key === null || tenantId === null ? key : `${tenantId}${OF_TENANT}${key}`;
}

function withoutPersonal({ personal }: CommandDefinition, fields: Record<string, unknown>): Record<string, unknown> {
  if (personal === undefined) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !personal.fields.includes(field)));
}

/** What a correction is based on is no part of what it says. */
function withoutBasis(
  name: string,
  { basedOn, ...body }: Record<string, unknown>,
): { basedOn: number | null; body: Record<string, unknown> } {
  return { basedOn: shaped(zBasedOn, { basedOn }, name).basedOn ?? null, body };
}

/** Any command may give a reason. Where its schema has none of its own, the reason is checked and belongs to the envelope. */
function withReason(fields: z.ZodObject, body: Record<string, unknown>): z.ZodObject {
  if ('reason' in fields.shape || !('reason' in body)) return fields;
  return fields.extend({ reason: zText });
}

function keyOf(
  { name, key }: CommandDefinition,
  fields: Record<string, unknown>,
  idempotencyKey: string | null,
  bodyHash: string,
): string {
  if (typeof key === 'function') return `${name}:${JSON.stringify(key(fields))}`;
  return idempotencyKey === null ? `${name}:${bodyHash}` : `idempotency:${idempotencyKey}`;
}
