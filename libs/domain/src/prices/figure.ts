import { z } from 'zod';
import { invalid } from '../errors.js';
import { checked, fieldErrors, listed } from '../faults.js';
import { decimal, integer, isDecimalText } from '../money/decimal.js';

/**
 * The figures of prices and terms: decimals as strings, kept exactly as written ("1.00" stays "1.00"), because a rated
 * row prints the unit amount in the price's own text. Each fault has its own code in `params.code`.
 */
export const figure = z
  .string('must be a decimal as a string, such as "12.50"')
  // abort: a text that is no decimal is not compared with other figures
  .refine(isDecimalText, {
    error: 'is not a plain decimal such as "12.50"',
    params: { code: 'not_a_decimal' },
    abort: true,
  });

/**
 * No price, allowance, discount or commitment is below zero. Money goes back by a credit note or a correction, which
 * names the rows that it corrects. A negative price could also cross a maximum downwards.
 */
export const nonNegative = figure.refine((text) => !text.startsWith('-'), {
  error: 'must not be negative',
  params: { code: 'negative_figure' },
});

const HUNDRED = integer(100);

/** 0 to 100: a larger discount would pay the tenant for usage. */
export const discountPercent = nonNegative.refine((text) => decimal(text).lte(HUNDRED), {
  error: 'must be at most 100',
  params: { code: 'percentage_above_100' },
});

/** Above zero; `code` names the fault. */
export const positive = (code: string): typeof figure =>
  figure.refine((text) => decimal(text).gt(integer(0)), { error: 'must be greater than 0', params: { code } });

/** The first fault's own code, if any has one. */
function codeOf(error: z.ZodError): string | undefined {
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') return 'unknown_field';
    if (issue.code !== 'custom') continue;
    const code: unknown = issue.params?.['code'];
    if (typeof code === 'string') return code;
  }
  return undefined;
}

/**
 * Checks an input against its schema. A refusal has the code of the first fault, else `code`, and names every faulty
 * field.
 */
export function readNamed<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  code: string,
): z.output<Schema> {
  const result = checked(schema, input);
  if (result.success) return result.data;
  const errors = fieldErrors(result.error);
  throw invalid(codeOf(result.error) ?? code, `${what}: ${listed(errors)}`, errors);
}
