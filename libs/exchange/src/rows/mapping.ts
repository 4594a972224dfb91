import { z } from 'zod';
import { parse } from '#domain/schema';

export const BACKFILL_KINDS = ['usage', 'costs', 'resources', 'rates'] as const;
export type BackfillKind = (typeof BACKFILL_KINDS)[number];

/** How to read a file whose columns have other names: the mapping file of `--map` (docs/importing.md). */
const zMapping = z.strictObject({
  /** The preset to use. Without it, the columns decide. */
  preset: z.string().optional(),
  format: z.enum(['csv', 'jsonl', 'json']).optional(),
  delimiter: z.string().length(1, 'must be one character').optional(),
  /** The zone of times without one: `Z`, `+02:00`. */
  zone: z
    .string()
    .regex(/^(Z|[+-]\d{2}:\d{2})$/, 'must be Z or an offset such as +02:00')
    .optional(),
  /** Whether decimals in exponent form (1.5E-7) are accepted. */
  exponents: z.boolean().optional(),
  /** Field → its column. */
  columns: z.record(z.string(), z.string()).optional(),
  /** Field → its value in every row, even if the row has another one. */
  values: z.record(z.string(), z.string()).optional(),
  /**
   * Prefix of a tag → the field that the rest is: {"tenant:": "tenantId"}. A tag with key and value is read as
   * `key:value`.
   */
  tags: z.record(z.string(), z.enum(['tenantId', 'deploymentId'])).optional(),
});

export type Mapping = z.infer<typeof zMapping>;

/** Checks a mapping. Errors: `invalid_mapping`, with every faulty field. */
export const readMapping = (input: unknown, file: string): Mapping => parse(zMapping, input, file, 'invalid_mapping');
