/** A bigint as pg returns it, or as the pool's own types do. */
export type Int8 = string | number;

/**
 * A position or revision as a number. Errors: RangeError, above 2^53, which is 8 PiB of log: a JavaScript number can't
 * hold more exactly.
 */
export function safeNumber(int8: Int8): number {
  const value = Number(int8);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${int8} is too large for a position or revision`);
  return value;
}
