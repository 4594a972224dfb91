import { createHash } from 'node:crypto';
import type { EventSource, LedgerEvent, RecordedEvent } from '#domain/events';
import type { ErrorKind, FieldError } from '#domain/errors';
import type { Instant } from '#domain/time/instant';
import type { Caller } from './caller.js';

/** The outcome of a command: `done` with the position of its last event, or `unchanged` if it was recorded before. */
export interface CommandDone {
  readonly status: 'done' | 'unchanged';
  readonly result?: object;
  readonly position?: number;
}

/** The command was not carried out: another person must approve it. */
export interface CommandProposed {
  readonly status: 'proposed';
  readonly result: {
    readonly proposalId: string;
    /** What it changes, and what one person may change alone. */
    readonly amounts: readonly { readonly currency: string; readonly amount: string; readonly limit: string }[];
  };
  readonly position?: number;
}

/** A date that was given in place of an instant: midnight in the time zone of a tenant. */
export interface DateRead {
  readonly field: string;
  readonly date: string;
  readonly timeZone: string;
  readonly instant: Instant;
}

export type CommandOutcome =
  | ({ readonly command: string; readonly dates?: readonly DateRead[] } & (CommandDone | CommandProposed))
  | {
      readonly command: string;
      readonly dates?: readonly DateRead[];
      readonly status: 'refused';
      readonly error: {
        readonly code: string;
        readonly kind: ErrorKind;
        readonly message: string;
        readonly errors?: readonly FieldError[];
      };
    };

/** What is recorded of what a command states. */
export interface Stated {
  /** What the events of its stream say of it. */
  readonly of?: (events: readonly RecordedEvent[]) => unknown;
  /** The same for a decision on read models: whether corrections changed it, as of a position. */
  readonly isCorrectedAt?: (position: number) => Promise<boolean>;
  /** What to do about it. */
  readonly remedy: string;
}

/** A command with checked fields, and what identifies it. The events that it records carry its key. */
export interface CommandCall<Fields = unknown> {
  readonly name: string;
  readonly fields: Fields;
  readonly occurredAt: Instant | null;
  /** The natural key, the idempotency key of a correction, or a hash of the body. */
  readonly key: string;
  /** Whether a command with the same key is a repetition. If not, the handler itself recognises repetitions. */
  readonly isKeyed: boolean;
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
  /** The log position that a correction was prepared at. null: the current position. */
  readonly basedOn: number | null;
  /** What to do if it is overtaken. undefined: preview it again. */
  readonly ifOvertaken?: string;
  readonly caller: Caller;
  /** The place in a file that each event was read from. undefined: there is no file. */
  readonly sourceOf?: (event: LedgerEvent) => EventSource | undefined;
  /** How a repetition finds out that corrections changed what it states. undefined: it does not. */
  readonly stated?: Stated;
  /** Awaited right before the append. Commands that run at the same time use it to keep their order in the log. */
  readonly inTurn?: () => Promise<void>;
}

/** The key under which a command with an idempotency key is recorded. */
export const keyOfIdempotency = (idempotencyKey: string): string => `idempotency:${idempotencyKey}`;

/** The key under which a command with a natural key is recorded. */
export const naturalKey = (name: string, values: readonly unknown[]): string => `${name}:${JSON.stringify(values)}`;

/** Whether a command corrects or withdraws what others recorded. */
export const isCorrection = (name: string): boolean => name.startsWith('correct-') || name === 'withdraw';

/** Of the texts as one. To join them would copy large ones. */
export const sha256 = (...texts: readonly string[]): string =>
  texts.reduce((all, text) => all.update(text), createHash('sha256')).digest('hex');

/** The name of a command, for messages about commands that can't be read. */
export const nameOf = (input: unknown): string =>
  typeof input === 'object' && input !== null && 'command' in input && typeof input.command === 'string'
    ? input.command
    : '(no command)';

/** Separates a tenant from the key that its device gave. No id and no key contains this character. */
export const OF_TENANT = '\u0001';

/** The key as the caller gave it. */
export const givenKey = (key: string): string => key.slice(key.indexOf(OF_TENANT) + 1);

/**
 * A step of a command, with a key of its own in the log. Only the last append, by the call itself, records the key of
 * the command.
 */
export const stepOf = (call: CommandCall): CommandCall => ({
  ...call,
  key: `${call.name}:${call.bodyHash}`,
  isKeyed: false,
  idempotencyKey: null,
});
