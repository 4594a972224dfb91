import { z } from 'zod';
import type { Role } from '#ledger/caller';
import { isCorrection } from '#ledger/command';
import { type CommandDefinition, remedyText, WRITERS, zBasedOn } from '#ledger/define-command';
import { valueAt, valueNamed } from './examples.js';
import { meaningOf } from './meanings.js';

/** A field of a command. */
export interface FieldReference {
  /** `items[].price.tiers[].upTo` */
  readonly path: string;
  readonly isRequired: boolean;
  /** `decimal`, `instant`, or the values that it can have: `month | year`. */
  readonly type: string;
  readonly meaning: string;
  /** A value that it may have. Objects, and lists of them, have one for each of their fields instead. */
  readonly example?: unknown;
}

/** All that one needs to know of a command to send it. */
export interface CommandReference {
  readonly name: string;
  readonly summary: string;
  readonly roles: readonly Role[];
  readonly fields: readonly FieldReference[];
  /** How a fact that was stated wrongly is put right. */
  readonly remedy: string;
  readonly example: object;
}

/** The part of JSON Schema that fields of commands have. */
const zSchema = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  get properties() {
    return z.record(z.string(), zSchema).optional();
  },
  required: z.array(z.string()).optional(),
  get items() {
    return zSchema.optional();
  },
  get anyOf() {
    return z.array(zSchema).optional();
  },
  get oneOf() {
    return z.array(zSchema).optional();
  },
});
type Schema = z.output<typeof zSchema>;

/** `all`: the commands whose examples may show fields that the command's own does not have. */
export function referenceOf(definition: CommandDefinition, all: Iterable<CommandDefinition>): CommandReference {
  const { name, summary, roles = WRITERS, mistakes, example } = definition;
  const examples = [...all].map((each) => each.example);
  const byPath = fieldsByPath(definition);
  const paths = [...byPath.keys()];
  return {
    name,
    summary,
    roles,
    fields: [...byPath].map(([path, found]) => {
      const [type, text] = meaningOf(name, path) ?? [];
      const values = [...new Set(found.flatMap(({ schema }) => valuesOf(schema)))];
      const described = found.map(({ schema }) => schema.description).find((each) => each !== undefined);
      return {
        path,
        isRequired: found.every((each) => each.isRequired),
        type: values.length > 0 ? values.join(' | ') : (type ?? typeOf(found)),
        meaning: (described ?? text ?? '') + modelsText(found),
        ...(paths.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[]`))
          ? {}
          : { example: valueAt(example, path) ?? values[0] ?? (isBoolean(found) ? true : valueNamed(examples, path)) }),
      };
    }),
    remedy: remedyText(mistakes),
    example: { command: name, ...example },
  };
}

/** A correction also names the position that it was prepared at. */
function schemaOf(name: string, own: z.ZodObject): Schema {
  const fields = isCorrection(name) ? own.extend(zBasedOn.shape) : own;
  return zSchema.parse(z.toJSONSchema(fields, { io: 'input', unrepresentable: 'any', reused: 'inline' }));
}

interface Found {
  readonly path: string;
  readonly isRequired: boolean;
  readonly schema: Schema;
  /** The price model that has the field. null: it belongs to no model. */
  readonly model: string | null;
}

/** Where a field has one of several shapes, several are found at its path. */
const fieldsByPath = ({ name, fields }: CommandDefinition): ReadonlyMap<string, readonly Found[]> =>
  Map.groupBy(fieldsOf(schemaOf(name, fields), '', null), ({ path }) => path);

/** Depth first. Where a field has one of several shapes, such as the price models, the fields of all of them. */
function* fieldsOf(schema: Schema, path: string, within: string | null): Generator<Found> {
  for (const shape of shapesOf(schema)) {
    const [model] = valuesOf(shape.properties?.['model'] ?? {});
    yield* fieldsOf(shape, path, model ?? within);
  }
  if (schema.items !== undefined) yield* fieldsOf(schema.items, `${path}[]`, null);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    const model = name === 'model' ? null : within;
    yield { path: at, isRequired: schema.required?.includes(name) === true, schema: field, model };
    yield* fieldsOf(field, at, model);
  }
}

/** `; of the price models graduated and volume` */
function modelsText(found: readonly Found[]): string {
  const models = found.flatMap(({ model }) => model ?? []);
  return models.length === 0 ? '' : `; of the price model${models.length === 1 ? '' : 's'} ${models.join(' and ')}`;
}

const shapesOf = ({ anyOf = [], oneOf = [] }: Schema): readonly Schema[] => [...anyOf, ...oneOf];

/** The values that a field can have, if it has only some. */
const valuesOf = (schema: Schema): string[] => [
  ...shapesOf(schema).flatMap(valuesOf),
  ...[schema.const, ...(schema.enum ?? [])].flatMap((value) => (typeof value === 'string' ? [value] : [])),
];

/** The types that a value of a field may have in JSON: `string`, `integer`, `null` … By path. */
export const jsonTypesOf = (definition: CommandDefinition): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(
    [...fieldsByPath(definition)].map(([path, found]) => [
      path,
      new Set(found.flatMap(({ schema }) => typesIn(schema))),
    ]),
  );

const typesIn = (schema: Schema): string[] => [
  ...[schema.type ?? []].flat(),
  ...shapesOf(schema).flatMap(typesIn),
  ...(schema.type === undefined && valuesOf(schema).length > 0 ? ['string'] : []),
];

const isBoolean = (found: readonly Found[]): boolean => found.some(({ schema }) => typesIn(schema).includes('boolean'));

const itemsIn = (schema: Schema): Schema[] => [schema.items ?? [], shapesOf(schema).flatMap(itemsIn)].flat();

function typeOf(found: readonly Found[]): string {
  const type = found.flatMap(({ schema }) => typesIn(schema)).find((each) => each !== 'null') ?? 'object';
  if (type === 'string') return 'text';
  if (type !== 'array') return type;
  const isOfObjects = found.some(({ schema }) => itemsIn(schema).some((item) => typesIn(item).includes('object')));
  return isOfObjects ? 'list of objects' : 'list of text';
}
