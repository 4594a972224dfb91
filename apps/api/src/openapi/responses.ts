import { z } from 'zod';
import { KINDS, PROBLEM_TYPE } from '../problem.js';
import type { Json, JsonObject } from './json-schema.js';

export const PROBLEM = { $ref: '#/components/schemas/Problem' };

const problemResponse = (description: string): Json => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: PROBLEM } },
});

export const refusals = {
  401: problemResponse('Missing or invalid token'),
  ...Object.fromEntries(Object.values(KINDS).map(({ status, title }) => [String(status), problemResponse(title)])),
  429: problemResponse('Too many requests. Retry after the time in Retry-After'),
  default: problemResponse('Any other problem'),
} satisfies JsonObject;

const zJson = z.json();
type Examples = Readonly<Record<string, unknown>>;

/** JSON with a schema, and named examples. */
export const json = (schema: Json, examples?: Examples): JsonObject => ({
  'application/json': media(schema, examples),
});

export const media = (schema: Json, examples?: Examples): JsonObject => ({
  schema,
  ...(examples === undefined
    ? {}
    : {
        examples: Object.fromEntries(
          Object.entries(examples).map(([name, value]) => [name, { value: zJson.parse(value) }]),
        ),
      }),
});
