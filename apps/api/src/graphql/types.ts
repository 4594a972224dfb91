import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { GraphQLScalarType } from 'graphql';
import { z } from 'zod';
import { zDecimal, zInstant } from '#domain/schema';
import { GqlDecimal, GqlInstant, GqlJson, GqlPosition } from './scalars.js';

/** GraphQL types made of the schemas that answers are described by and questions are checked by: written once, as for OpenAPI. */

/** A class by which Nest describes a type. */
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

/** What an answer's schema is in GraphQL. An object without a name of its own, or with keys that are data, is JSON. */
function typeOf(schema: z.core.$ZodType): TypeOf {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return { ...typeOf(schema.unwrap()), isNullable: true };
  if (schema instanceof z.ZodArray) return { ...scalar(typeOf(schema.element).named), isList: true };
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

/** What a question's parameter is. Texts that mean something are checked by the query, which says what is wrong with them. */
function argumentOf(schema: z.core.$ZodType): TypeOf {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return { ...argumentOf(schema.unwrap()), isNullable: true };
  if (schema === zInstant) return scalar(GqlInstant);
  if (schema === zDecimal) return scalar(GqlDecimal);
  if (schema instanceof z.ZodPipe) return argumentOf(schema.in);
  // One or several.
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

/** Of a nullable or optional one, what is said of it outside, else of what is in it. */
const descriptionOf = (schema: z.core.$ZodType): string | undefined =>
  metaOf(schema).description ??
  (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault
    ? descriptionOf(schema.unwrap())
    : undefined);

/** One type for all choices, whose discriminator says which fields there are: what not each of them has may be null. */
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

/** Nest describes types by classes; none of these is ever made, since answers come as they are. */
const emptyClass = (): Class =>
  class Described {
    readonly described = true;
  };

const objects = new Map<string, { readonly made: Class; readonly fields: readonly string[] }>();

/** Nest's own decorators, applied to a class that is made here: its schema builder then knows the type. */
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

/** The type of an answer, as Nest's `Query(…)` takes it. */
export const answerType = (answer: z.ZodType): (() => Named | [Named]) => reference(typeOf(answer));

/** The arguments of a question: those of REST by the same names. */
export function argumentsType(params: z.ZodObject): Class {
  const made = emptyClass();
  ArgsType()(made);
  addFields(made, params, argumentOf);
  return made;
}

/** All types that answers are made of so far: each with its own fields. */
export const objectTypes = (): readonly {
  readonly name: string;
  readonly made: Class;
  readonly fields: readonly string[];
}[] => [...objects].map(([name, each]) => ({ name, ...each }));

export const typeNamed = (name: string): Class => {
  const type = objects.get(name);
  if (type === undefined) throw new Error(`no answer is made of ${name}`);
  return type.made;
};
