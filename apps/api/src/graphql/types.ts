import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { GraphQLScalarType } from 'graphql';
import { z } from 'zod';
import { zDecimal, zInstant } from '#domain/schema';
import { GqlDecimal, GqlInstant, GqlJson, GqlPosition } from './scalars.js';

/** Makes GraphQL types from the schemas of answers and parameters, as the OpenAPI document does. */

/** A class that describes a GraphQL type to Nest. */
export interface Class {
  new (): object;
  readonly prototype: object;
}
type Named = GraphQLScalarType | Class | typeof String | typeof Boolean | typeof Int;

interface TypeOf {
  readonly named: Named;
  readonly isList: boolean;
  readonly isNullable: boolean;
}

const SCALARS: ReadonlyMap<unknown, Named> = new Map<unknown, Named>([
  ['decimal', GqlDecimal],
  ['date-time', GqlInstant],
  ['int64', GqlPosition],
]);

const scalar = (named: Named): TypeOf => ({ named, isList: false, isNullable: false });

/** The GraphQL type of an answer's schema. An object without a name, or with data as keys, is JSON. */
function typeOf(schema: z.core.$ZodType): TypeOf {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return { ...typeOf(schema.unwrap()), isNullable: true };
  if (schema instanceof z.ZodArray) return { ...scalar(typeOf(schema.element).named), isList: true };
  const named = namedBy(schema);
  if (named !== schema) return typeOf(named);
  const { id, format } = metaOf(schema);
  if (schema instanceof z.ZodObject && id !== undefined) return scalar(objectType(id, schema));
  if (schema instanceof z.ZodDiscriminatedUnion && id !== undefined)
    return scalar(objectType(id, z.object(shapeOfAll(schema)), descriptionOf(schema)));
  const formatted = SCALARS.get(format);
  if (formatted !== undefined) return scalar(formatted);
  if (schema instanceof z.ZodNull) return { ...scalar(String), isNullable: true };
  if (schema instanceof z.ZodLiteral) return scalar(schema.value === false || schema.value === true ? Boolean : String);
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return scalar(String);
  if (schema instanceof z.ZodBoolean) return scalar(Boolean);
  if (schema instanceof z.ZodNumber) return scalar(Int);
  return scalar(GqlJson);
}

/** The GraphQL type of a parameter. The query checks the format of texts, with a better message. */
function argumentOf(schema: z.core.$ZodType): TypeOf {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return { ...argumentOf(schema.unwrap()), isNullable: true };
  if (schema === zInstant) return scalar(GqlInstant);
  if (schema === zDecimal) return scalar(GqlDecimal);
  if (schema instanceof z.ZodPipe) return argumentOf(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
  // One id or several.
  if (schema instanceof z.ZodUnion) return { ...scalar(String), isList: true };
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return scalar(String);
  if (schema instanceof z.ZodNumber)
    return scalar(schema.maxValue !== null && schema.maxValue < 2 ** 31 ? Int : GqlPosition);
  return scalar(GqlJson);
}

const metaOf = (schema: z.core.$ZodType): { id?: string; description?: string; format?: string } => {
  const meta = z.globalRegistry.get(schema);
  return {
    ...(meta?.id === undefined ? {} : { id: meta.id }),
    ...(typeof meta?.description === 'string' ? { description: meta.description } : {}),
    ...(typeof meta?.['format'] === 'string' ? { format: meta['format'] } : {}),
  };
};

/** A schema with a description of its own has lost its name: the schema that was described. Others are themselves. */
function namedBy(schema: z.core.$ZodType): z.core.$ZodType {
  const { parent } = schema._zod;
  if (parent === undefined || metaOf(schema).id !== undefined) return schema;
  return metaOf(parent).id === undefined ? schema : parent;
}

/** The description of the schema, or else of the schema that it wraps. */
const descriptionOf = (schema: z.core.$ZodType): string | undefined =>
  metaOf(schema).description ??
  (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
    ? descriptionOf(schema.unwrap())
    : undefined);

/**
 * One type for all choices of a union. Fields that not every choice has are nullable; the discriminator says which
 * exist.
 */
function shapeOfAll({ options, def }: z.ZodDiscriminatedUnion): Record<string, z.ZodType> {
  const shapes = options.map((option): Record<string, z.ZodType> =>
    option instanceof z.ZodObject ? option.shape : {},
  );
  const all = new Map(shapes.flatMap((shape) => Object.entries(shape)));
  return Object.fromEntries(
    [...all].map(([name, field]) => [
      name,
      name === def.discriminator ? z.string() : shapes.every((shape) => name in shape) ? field : field.optional(),
    ]),
  );
}

/** Nest describes types by classes. None is instantiated: answers are plain objects. */
const emptyClass = (): Class =>
  class Described {
    readonly described = true;
  };

const objects = new Map<string, { readonly made: Class; readonly fields: readonly string[] }>();

/** Applies Nest's decorators to a class made here, so that its schema builder knows the type. */
function objectType(id: string, schema: z.ZodObject, description = descriptionOf(schema)): Class {
  const known = objects.get(id);
  if (known !== undefined) return known.made;
  const made = emptyClass();
  ObjectType(id, description === undefined ? {} : { description })(made);
  objects.set(id, { made, fields: Object.keys(schema.shape) });
  addFields(made, schema, typeOf);
  return made;
}

function addFields(to: Class, schema: z.ZodObject, typed: (field: z.core.$ZodType) => TypeOf): void {
  for (const [name, field] of Object.entries<z.core.$ZodType>(schema.shape)) {
    const type = typed(field);
    const description = descriptionOf(field);
    Field(reference(type), { nullable: type.isNullable, ...(description === undefined ? {} : { description }) })(
      to.prototype,
      name,
    );
  }
}

const reference =
  ({ named, isList }: TypeOf) =>
  (): Named | [Named] =>
    isList ? [named] : named;

/** The type of an answer, in the form that Nest's `Query(…)` takes. */
export const answerType = (answer: z.ZodType): (() => Named | [Named]) => reference(typeOf(answer));

/** The arguments of a query, with the same names as in REST. */
export function argumentsType(params: z.ZodObject): Class {
  const made = emptyClass();
  ArgsType()(made);
  addFields(made, params, argumentOf);
  return made;
}

/** All object types so far, with their fields. */
export const objectTypes = (): readonly {
  readonly name: string;
  readonly made: Class;
  readonly fields: readonly string[];
}[] => [...objects].map(([name, each]) => ({ name, ...each }));

export const typeNamed = (name: string): Class => {
  const type = objects.get(name);
  if (type === undefined) throw new Error(`unknown type ${name}`);
  return type.made;
};
