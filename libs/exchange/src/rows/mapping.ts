import { z } from 'zod';
import { parse } from '#domain/schema';
import { isTimeZone } from '#domain/tenants/tenant';
import { dateFormat, isOffset } from './date-format.js';

export const BACKFILL_KINDS = ['usage', 'costs', 'resources', 'rates'] as const;
export type BackfillKind = (typeof BACKFILL_KINDS)[number];

/** How to read a file whose columns have other names: the mapping file of `--map` (docs/backfill.md). */
const zMapping = z.strictObject({
  /** The preset to use. Without it, the columns decide. */
  preset: z.string().optional(),
  format: z.enum(['csv', 'jsonl', 'json']).optional(),
  delimiter: z.string().length(1, 'must be one character').optional(),
  /** The zone of times without one: `Z`, `+02:00`, `Europe/Paris`. */
  zone: z
    .string()
    .refine(
      (zone) => isOffset(zone) || isTimeZone(zone),
      'must be Z, an offset such as +02:00, or a time zone such as Europe/Paris',
    )
    .optional(),
  /** The format of all times that are not ISO 8601 with a zone. */
  dates: z
    .string()
    .superRefine((format, context) => {
      const found = dateFormat(format);
      if (typeof found === 'string') context.addIssue({ code: 'custom', message: `must ${found}` });
    })
    .optional(),
  /** The path of a list in each JSON object. Each of its items is a row. */
  list: z.string().min(1, 'must be the path of a list, such as data.items').optional(),
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
