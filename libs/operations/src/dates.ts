import { z } from 'zod';
import { zDate, zInstant, zPeriod } from '#domain/schema';
import { midnight } from '#domain/time/calendar';
import type { Instant } from '#domain/time/instant';
import { type Caller, confinedTo } from '#ledger/caller';
import type { DateRead } from '#ledger/command';
import type { CommandDefinition } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { type DefinedQuery, positionOf, zAsOf, zMoment } from '#ledger/query';
import { timeZoneOf } from './tenant-zone.js';

/**
 * An instant of a command may be a date alone, if the command names a tenant, a deployment, a subscription or an
 * invoice. It is then midnight in the time zone of that tenant: of the one that is named, else of the one that holds
 * the deployment at the end of that UTC day. Dates become instants before the command is read, so a date and its
 * instant are the same natural key and the same body. Resources and metering have UTC days, and periods have instants.
 */
export async function withDates(
  core: LedgerCore,
  commands: ReadonlyMap<string, CommandDefinition>,
  input: unknown,
): Promise<{ readonly input: unknown; readonly dates: readonly DateRead[] }> {
  const asGiven = { input, dates: [] };
  const given = z.looseObject({ command: z.string() }).safeParse(input).data;
  const schema = given === undefined ? undefined : schemaOf(commands, given);
  if (given === undefined || schema === undefined || !mayHaveDates(schema)) return asGiven;
  const found: DateFound[] = [];
  const named = dated(schema, given, '', found);
  const [first] = found;
  if (first === undefined) return asGiven;
  const zone = await timeZoneOf(core, await core.projector.catchUp(), given, first.date);
  if (zone === null) return asGiven;
  const dates = datesIn(zone, found);
  return { input: named(instantsOf(dates)), dates };
}

type Params = Readonly<Record<string, unknown>>;

/**
 * The same for the parameters of a query. The tenant is the one of the token, or else the one that a parameter names,
 * also through a line. `asOf` and the like are read in the time zone that is known now, all else in the one that was
 * known as of them. A query that names no tenant keeps its dates, and refuses them where it wants an instant.
 */
export async function withDatesOfQuery(
  core: LedgerCore,
  query: DefinedQuery,
  params: Params,
  caller: Caller,
): Promise<{ readonly params: Params; readonly dates: readonly DateRead[] }> {
  const own = confinedTo(caller);
  const read = async (
    given: Params,
    position: () => Promise<number>,
    isRead: (schema: z.core.$ZodType) => boolean,
  ): Promise<{ params: Params; dates: readonly DateRead[] }> => {
    const found: DateFound[] = [];
    const named = dated(query.params, given, '', found, isRead);
    const [first] = found;
    const subject = own === null ? given : { tenantId: own };
    const zone = first === undefined ? null : await timeZoneOf(core, await position(), subject, first.date);
    if (zone === null) return { params: given, dates: [] };
    const dates = datesIn(zone, found);
    return { params: z.record(z.string(), z.unknown()).parse(named(instantsOf(dates))), dates };
  };
  const known = await read(params, async () => (await core.readable()).position, isMoment);
  const asOf = async (): Promise<number> => (await positionOf(core, zAsOf.loose().parse(known.params))).position;
  const world = await read(known.params, asOf, isInstant);
  return { params: world.params, dates: [...known.dates, ...world.dates] };
}

const isInstant = (schema: z.core.$ZodType): boolean => schema === zInstant;
const isMoment = (schema: z.core.$ZodType): boolean => schema === zMoment;

const datesIn = (timeZone: string, found: readonly DateFound[]): DateRead[] =>
  found.map((each) => ({ ...each, timeZone, instant: midnight(each.date, timeZone) }));
const instantsOf = (dates: readonly DateRead[]): ReadonlyMap<string, Instant> =>
  new Map(dates.map(({ field, instant }) => [field, instant]));

interface DateFound {
  readonly field: string;
  readonly date: string;
}
/** A value with instants in place of its dates, by field. */
type WithInstants = (instants: ReadonlyMap<string, Instant>) => unknown;

/** The fields of a command. A withdrawal has those of the natural key of the command that it withdraws. */
function schemaOf(
  commands: ReadonlyMap<string, CommandDefinition>,
  given: { readonly command: string; readonly [field: string]: unknown },
): z.ZodObject | undefined {
  const { what } = given;
  const withdrawn = given.command === 'withdraw' && typeof what === 'string' ? commands.get(what) : undefined;
  return withdrawn?.withdrawal?.fields ?? commands.get(given.command)?.fields;
}

/** Known by schema: a command may hold thousands of readings, which are not searched. */
const known = new WeakMap<z.ZodObject, boolean>();
function mayHaveDates(schema: z.ZodObject): boolean {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const may = !('provider' in schema.shape) && hasInstants(schema);
  known.set(schema, may);
  return may;
}

function hasInstants(schema: z.core.$ZodType): boolean {
  const of = unwrapped(schema);
  if (of === zInstant) return true;
  if (of instanceof z.ZodArray) return hasInstants(of.element);
  return of instanceof z.ZodObject && of !== zPeriod && Object.values(of.shape).some(hasInstants);
}

const unwrapped = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault
    ? unwrapped(schema.unwrap())
    : schema;

/** Finds the dates of a value, and answers the value with instants in their place. */
function dated(
  schema: z.core.$ZodType,
  value: unknown,
  field: string,
  found: DateFound[],
  isRead: (schema: z.core.$ZodType) => boolean = isInstant,
): WithInstants {
  const of = unwrapped(schema);
  if (isRead(of)) {
    const date = zDate.safeParse(value);
    if (!date.success) return () => value;
    found.push({ field, date: date.data });
    return (instants) => instants.get(field) ?? value;
  }
  if (of instanceof z.ZodArray && Array.isArray(value)) {
    const items = value.map((item: unknown, index) => dated(of.element, item, `${field}[${index}]`, found, isRead));
    return (instants) => items.map((item) => item(instants));
  }
  if (of instanceof z.ZodObject && of !== zPeriod && typeof value === 'object' && value !== null) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = of.shape;
    const fields = Object.entries(value).map(([name, each]: [string, unknown]) => {
      const inside = shape[name];
      const path = field === '' ? name : `${field}.${name}`;
      return [name, inside === undefined ? () => each : dated(inside, each, path, found, isRead)] as const;
    });
    return (instants) => Object.fromEntries(fields.map(([name, each]) => [name, each(instants)]));
  }
  return () => value;
}
