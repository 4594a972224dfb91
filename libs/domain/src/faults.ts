import type { z } from 'zod';
import type { FieldError } from './errors.js';

/** The faults that a schema finds, in words for people: each names its field and what is expected there. */

type Issue = z.core.$ZodRawIssue;

/** The names of JSON types. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  null: 'null',
};

const kindOf = (value: unknown): string => {
  const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return KINDS[type] ?? type;
};

function wrongType({ expected, input }: { readonly expected: string; readonly input?: unknown }): string {
  const wanted = `must be ${KINDS[expected] ?? expected}`;
  // For 1.5 in place of a whole number, "not a number" would be wrong.
  return typeof input === 'number' && expected !== 'string' ? wanted : `${wanted}, not ${kindOf(input)}`;
}

const oneOf = (values: readonly unknown[]): string => {
  const texts = values.map(String);
  return texts.length === 1 ? `must be ${texts.join()}` : `must be one of ${texts.join(', ')}`;
};

/**
 * Replaces zod's own messages, which name types and "received" values. A message of the schema itself is used as it is.
 */
function words(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue);
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      if (issue.origin === 'string')
        return issue.minimum === 1 ? 'must not be empty' : `must have at least ${issue.minimum} characters`;
      if (issue.origin === 'array')
        return issue.minimum === 1 ? 'must not be empty' : `must have at least ${issue.minimum} entries`;
      return `must be ${issue.inclusive === false ? 'greater than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options) : 'has none of the allowed forms';
    case 'invalid_format':
      return `must have the format ${issue.format}`;
    case 'invalid_key':
      return 'has a key that is not allowed';
    // Unrecognized keys are reported key by key. The others have a message of the schema, or no schema of ours uses
    // them.
    case 'unrecognized_keys':
    case 'custom':
    case 'invalid_element':
    case 'not_multiple_of':
      return undefined;
  }
}

/** Checks an input. Its faults have our messages, and they know which fields are missing. */
export const checked = <Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): z.ZodSafeParseResult<z.output<Schema>> => schema.safeParse(input, { error: words, reportInput: true });

/** `observations[0].period.start` */
export const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (soFar, part) =>
      typeof part === 'number' ? `${soFar}[${part}]` : soFar === '' ? String(part) : `${soFar}.${String(part)}`,
    '',
  );

/** A small input can have millions of faults. A person mends the first ones, and sends it again. */
const MOST_LISTED = 20;

const faultsIn = (issue: z.core.$ZodIssue): number => (issue.code === 'unrecognized_keys' ? issue.keys.length : 1);

/**
 * The first faults that `checked` found, field by field. An unknown field is named itself. A field of a wrong type has
 * no other fault.
 */
export function fieldErrors(error: z.ZodError): FieldError[] {
  const all = error.issues.reduce((total, issue) => total + faultsIn(issue), 0);
  const first = faultsOf(error.issues.slice(0, 2 * MOST_LISTED));
  if (all <= 2 * MOST_LISTED && first.length <= MOST_LISTED) return first;
  const listed = first.slice(0, MOST_LISTED);
  return [...listed, { field: '', message: `and ${all - listed.length} more faults, which are not listed` }];
}

function faultsOf(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  const errors = issues.flatMap((issue): (FieldError & { readonly ofType: boolean })[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, 2 * MOST_LISTED).map((key) => ({
        field: fieldPath([...issue.path, key]),
        message: 'is not a known field',
        ofType: false,
      }));
    }
    const ofType = issue.code === 'invalid_type';
    const isMissing = ofType && 'input' in issue && issue.input === undefined;
    return [{ field: fieldPath(issue.path), message: isMissing ? 'must be given' : issue.message, ofType }];
  });
  const ofWrongType = new Set(errors.filter(({ ofType }) => ofType).map(({ field }) => field));
  const kept = errors.filter(({ field, ofType }) => ofType || !ofWrongType.has(field));
  const seen = new Map(kept.map(({ field, message }) => [`${field} ${message}`, { field, message }]));
  return [...seen.values()];
}

/** The faults in one line. */
export const listed = (errors: readonly FieldError[]): string =>
  errors.map(({ field, message }) => (field === '' ? message : `${field} ${message}`)).join('; ');
