import { z } from 'zod';

/** Checks for environment variables, for the processes that they configure. */

export const zUrl = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value),
      `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    );
export const zCount = (max: number, message: string) =>
  z
    .string()
    .refine((value) => /^\d{1,9}$/.test(value) && Number(value) <= max, message)
    .transform(Number);
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];
export const zLogLevel = z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`).default('info');

/**
 * Reads the variables that a process needs. An empty variable counts as not set. The error lists all faults,
 * but no values.
 */
export function readEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const { success, data, error } = schema.safeParse(set);
  if (success) return data;
  const faults = new Map(error.issues.map(({ path, message }) => [path.join('.'), message]));
  const lines = [...faults].map(([name, message]) => `  ${name} ${set[name] === undefined ? 'is not set' : message}`);
  throw new Error(
    `environment variables are missing or invalid. Nothing was started. Set or correct:\n${lines.join('\n')}`,
  );
}
