import { createHash } from 'node:crypto';
import type { EventSource, LedgerEvent } from '#domain/events';
import type { ErrorKind, FieldError } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import type { Caller } from './caller.js';

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

/** No id and no key has it. It divides a tenant from the key that the tenant's device gave. */
export const OF_TENANT = '\u0001';

/** A key as it was given. */
export const givenKey = (key: string): string => key.slice(key.indexOf(OF_TENANT) + 1);

/** A step of a command's work, named as its own in the log; only the last one, the call itself, makes the command known by its key. */
export const stepOf = (call: CommandCall): CommandCall => ({
  ...call,
  key: `${call.name}:${call.bodyHash}`,
  isKeyed: false,
  idempotencyKey: null,
});
