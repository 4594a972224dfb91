import { z } from 'zod';
import { canonicalText, isDecimalText } from './money/decimal.js';
import { isCurrency } from './money/money.js';
import { type Instant, isBefore, readInstant } from './time/instant.js';
import { DomainError, invalid } from './errors.js';
import { checked, fieldErrors, fieldPath, listed } from './faults.js';
import { isStorable, unstorableIn } from './storable.js';

/** The building blocks of every schema, of commands, events and requests alike. What they accept they also bring to one canonical form. */

/** Five of them, with the times beside them, are what an index of Postgres takes. */
const LONGEST_ID_BYTES = 512;
const utf8 = new TextEncoder();
/** One of too many characters has that fault already. */
const fits = (id: string): boolean =>
  id.length * 3 <= LONGEST_ID_BYTES || id.length > LONGEST_ID_BYTES || utf8.encode(id).length <= LONGEST_ID_BYTES;

/**
 * An id as an event of the log has it. The limits that zId adds came later, and an event that was recorded before them must
 * stay readable: else no read model could be built any more.
 */
export const zRecordedId = z
  .string()
  .min(1, 'must not be empty')
  .max(512, 'is longer than 512 characters')
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'contains control characters');

/** Free text id of a tenant, a resource, …, as it comes in: 1 to 512 bytes of UTF-8, without control characters. */
export const zId = zRecordedId
  .refine(isStorable, 'contains half a surrogate pair, and is no text that can be kept')
  .refine(fits, `is longer than ${LONGEST_ID_BYTES} bytes: letters beyond ASCII take two to four`);

/** The schema of the ids in an event: zId where it is written, zRecordedId where it is read. */
export type IdSchema = typeof zId;

/** The schemas of a subject's events, by type. */
type EventSchemas = (id: IdSchema) => Readonly<Record<string, z.ZodType>>;
/** The data of one of a subject's events. */
export type EventDataOf<Schemas extends EventSchemas, Type extends keyof ReturnType<Schemas>> = z.infer<
  ReturnType<Schemas>[Type]
>;
/** The events of a subject. */
export type EventOf<Schemas extends EventSchemas> = {
  [Type in keyof ReturnType<Schemas>]: { readonly type: Type; readonly data: EventDataOf<Schemas, Type> };
}[keyof ReturnType<Schemas>];

/** Whether it is an id as zId takes it. */
export const isId = (value: unknown): boolean =>
  typeof value === 'string' && ID.test(value) && isStorable(value) && fits(value);
const ID = /^[^\u0000-\u001f\u007f]{1,512}$/;

export const zText = z
  .string()
  .max(2000, 'is longer than 2000 characters')
  .refine((value) => !value.includes('\u0000'), 'contains a NUL character');

/** A plain decimal as a string; comes out without trailing zeros: "0.010" is "0.01". */
export const zDecimal = z
  .string('must be a decimal as a string, such as "12.50"')
  .refine(isDecimalText, 'is not a plain decimal such as "12.50"')
  .transform((value) => canonicalText(value));

export const zInstant = z
  .string('must be an instant as a string, such as "2026-04-01T00:00:00Z"')
  .transform((value, context): Instant => {
    const found = readInstant(value);
    if (typeof found === 'string') return found;
    context.addIssue({ code: 'custom', message: found.message });
    return z.NEVER;
  });

export const zPeriod = z
  .strictObject({ start: zInstant, end: zInstant })
  .refine(({ start, end }) => isBefore(start, end), 'must end after it starts');

export const zCurrency = z.string().refine(isCurrency, 'is not an ISO 4217 currency such as "USD"');

/** A UTC calendar date, `2026-04-15`. */
export const zDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'is not a date such as "2026-04-15"')
  .refine((value) => typeof readInstant(`${value}T00:00:00Z`) === 'string', 'does not exist in the calendar');

/** JSON as it came; carried through untouched. */
export const zJsonObject = z.record(z.string(), z.json());

/** Checks an input against its schema, and that the log and the read models can keep it; every fault is named with its field (`code`, by default `invalid_input`). */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  code = 'invalid_input',
): z.output<Schema> {
  const unstorable = unstorableIn(input);
  if (unstorable !== undefined) {
    const error = { field: fieldPath(unstorable.path), message: unstorable.message };
    throw invalid(code, `${what}: ${listed([error])}`, [error]);
  }
  return shaped(schema, input, what, code);
}

/** The same, of what was a part of an input that `parse` has taken: very many readings are searched once. */
export function shaped<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  code = 'invalid_input',
): z.output<Schema> {
  const result = checked(schema, input);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error);
  throw invalid(code, `${what}: ${listed(errors)}`, errors);
}

export const isDomainError = (error: unknown): error is DomainError => error instanceof DomainError;
