import { z } from 'zod';

/** What variables of the environment may hold, for the processes that are configured by them. */

export const zUrl = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value),
      `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    );
export const zCount = (most: number, message: string) =>
  z
    .string()
    .refine((value) => /^\d{1,9}$/.test(value) && Number(value) <= most, message)
    .transform(Number);
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];
export const zLogLevel = z.enum(LEVELS, `must be one of ${LEVELS.join(', ')}`).default('info');

/** Reads what a process needs; an empty variable counts as not set. Every fault is named in the one error; no value is. */
export function readEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const faults = new Map(error.issues.map(({ path, message }) => [path.join('.'), message]));
  const lines = [...faults].map(([name, message]) => `  ${name} ${given[name] === undefined ? 'is not set' : message}`);
  throw new Error(`the environment is not complete; nothing was started. Set or correct:\n${lines.join('\n')}`);
}
