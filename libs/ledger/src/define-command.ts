import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import type { Correction } from '#domain/correction';
import { invalid } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { parse, shaped, zId, zInstant, zText } from '#domain/schema';
import { type Caller, confinedTo, type Role } from './caller.js';
import {
  type CommandCall,
  type CommandDone,
  isCorrection,
  keyOfIdempotency,
  naturalKey,
  OF_TENANT,
  sha256,
} from './command.js';
import { didYouMean } from './nearest.js';
import type { LedgerCore } from './ledger-core.js';

/** The roles that may execute a command that names no roles. */
export const WRITERS: readonly Role[] = ['platform_admin', 'operator'];

/**
 * The complete declaration of a command. REST, GraphQL, the OpenAPI document, the typed client and the CLI are made
 * from it.
 */
export interface CommandDefinition<Fields extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  readonly fields: Fields;
  /**
   * A function returns the fields of the natural key: the same body again is `unchanged`, a different body is a
   * conflict. `body`: the whole body is the key, unless the command has an idempotency key. `none`: `handle` recognises
   * repetitions itself.
   */
  readonly key: NaturalKey<Fields>['of'] | 'body' | 'none';
  /** Fields about a person. No hash of them is recorded, because it would outlive their erasure. */
  readonly personal?: Personal<Fields>;
  /** Default: `WRITERS`. */
  readonly roles?: readonly Role[];
  /** How a fact that was stated wrongly is put right. */
  readonly mistakes: Mistakes;
  /** Fields that can't be corrected as others are, each with what to do about it: `can't be corrected: …`. */
  readonly fixed?: Readonly<Record<string, string>>;
  /**
   * What the events of the command's stream say of what it states. If corrections changed that, a repetition says so.
   * Later facts must not change it.
   */
  stated?(fields: z.output<Fields>, events: readonly RecordedEvent[]): unknown;
  /** Withdraws what the command recorded: it never was. */
  readonly withdrawal?: Withdrawal;
  /**
   * false: a preview refuses the command. A preview accepts facts that change what is owed, not commands that bill
   * these facts or repair read models.
   */
  readonly isPreviewed?: false;
  /**
   * What of its changes four eyes compare with the limit. Default: of a correction all of them, of another command
   * those of issued lines, documents and credits. `all`: as of a correction. `nothing`: it never changes what was
   * issued. `approval`: it carries out what was compared.
   */
  readonly fourEyes?: 'all' | 'nothing' | 'approval';
  /** Fields that the documentation shows. The examples of all operations tell one story. */
  readonly example: z.input<Fields>;
  /** Loads, decides, appends. `core` is the ledger's own, or a trial's. */
  handle(call: CommandCall<z.output<Fields>>, core: LedgerCore): Promise<CommandDone>;
}

/** The commands that correct what a command recorded, or why nothing can. */
export type Mistakes = { readonly correctedBy: readonly [string, ...string[]] } | { readonly final: string };

/** What to do about a fact that was stated wrongly. */
export const remedyText = (mistakes: Mistakes): string =>
  'final' in mistakes ? mistakes.final : `To correct what is recorded, use ${mistakes.correctedBy.join(' or ')}.`;

/** How the command `withdraw` withdraws what another command recorded. */
export interface Withdrawal<Fields extends z.ZodObject = z.ZodObject> {
  /** The natural key of the command to withdraw. */
  readonly fields: Fields;
  /** `correction.withdrawn`: the key under which the command was recorded; absent if its key is not a natural one. */
  handle(call: CommandCall<z.output<Fields>>, core: LedgerCore, correction: Correction): Promise<CommandDone>;
}

export const defineWithdrawal = <Fields extends z.ZodObject>(definition: Withdrawal<Fields>): Withdrawal => definition;

interface NaturalKey<Fields extends z.ZodObject> {
  of(fields: z.output<Fields>): readonly unknown[];
}

interface Personal<Fields extends z.ZodObject> {
  readonly fields: readonly (keyof z.output<Fields>)[];
  /**
   * Compares these fields if the command was recorded before: the hash does not cover them. Errors: `conflicting_body`.
   */
  assertSame(call: CommandCall<z.output<Fields>>, core: LedgerCore): Promise<void>;
}

export const defineCommand = <Fields extends z.ZodObject>(
  definition: CommandDefinition<Fields>,
): CommandDefinition<Fields> => definition;

const zEnvelope = z.looseObject({
  command: z.string('must be the name of a command'),
  idempotencyKey: zId.optional(),
  occurredAt: zInstant.optional(),
});
/** An additional field of corrections. */
export const zBasedOn = z.object({
  basedOn: z
    .int()
    .nonnegative()
    .optional()
    .describe('The log position that the correction was prepared at. If the same was changed since: overtaken'),
});

/** A command with checked fields, and its definition. */
export interface ReadCommand {
  readonly definition: CommandDefinition;
  readonly call: CommandCall<Record<string, unknown>>;
}

/** Checks a command against its schema. Errors: `unknown_command`, `invalid_input` with every faulty field. */
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
      `unknown command ${JSON.stringify(envelope.command)}.${didYouMean(envelope.command, definitions.keys())} ` +
        `Commands: ${[...definitions.keys()].join(', ')}`,
    );
  }
  const { command: name, idempotencyKey: keyGiven, occurredAt, ...given } = envelope;
  const idempotencyKey = keyGiven === undefined ? null : ownKey(caller, keyGiven);
  const { basedOn, body } = isCorrection(name) ? withoutBasis(name, given) : { basedOn: null, body: given };
  assertCorrectable(definition, body);
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
    ...(definition.stated === undefined
      ? {}
      : {
          stated: {
            of: (events: readonly RecordedEvent[]) => definition.stated?.(fields, events),
            remedy: remedyText(definition.mistakes),
          },
        }),
  };
  return { definition, call };
}

/** A correction that does not have such a field says what to do about it. Errors: `invalid_input`. */
function assertCorrectable({ name, fields, fixed = {} }: CommandDefinition, body: Record<string, unknown>): void {
  for (const [field, message] of Object.entries(fixed))
    if (field in body && !(field in fields.shape))
      throw invalid('invalid_input', `${name}: ${field} ${message}`, [{ field, message }]);
}

/**
 * The keys of a tenant's device are separate: the device can neither use the key of an operator nor learn from a
 * conflict that it exists.
 */
export function ownKey(caller: Caller, key: string): string {
  const tenantId = confinedTo(caller);
  return tenantId === null ? key : `${tenantId}${OF_TENANT}${key}`;
}

function withoutPersonal({ personal }: CommandDefinition, fields: Record<string, unknown>): Record<string, unknown> {
  if (personal === undefined) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !personal.fields.includes(field)));
}

/** `basedOn` is not part of the body: it does not change what the correction says. */
function withoutBasis(
  name: string,
  { basedOn, ...body }: Record<string, unknown>,
): { basedOn: number | null; body: Record<string, unknown> } {
  return { basedOn: shaped(zBasedOn, { basedOn }, name).basedOn ?? null, body };
}

/**
 * Any command may have a reason. If its schema has no such field, the reason is checked and belongs to the envelope.
 */
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
  if (typeof key === 'function') return naturalKey(name, key(fields));
  return idempotencyKey === null ? `${name}:${bodyHash}` : keyOfIdempotency(idempotencyKey);
}
