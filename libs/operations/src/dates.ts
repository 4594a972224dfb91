import { z } from 'zod';
import { zDate, zInstant, zPeriod } from '#domain/schema';
import { tenantAt } from '#domain/tenants/deployment';
import { isTimeZone } from '#domain/tenants/tenant';
import { midnight } from '#domain/time/calendar';
import { type Instant, lastInstantBefore } from '#domain/time/instant';
import { dayOf } from '#domain/time/period';
import { isUuid } from '#domain/uuid';
import type { DateRead } from '#ledger/command';
import type { CommandDefinition } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readInvoices } from '#projections/invoices/invoices.read';
import { readTenants } from '#projections/tenants/tenants.read';
import { deploymentOfSubscription } from './subscriptions.js';

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
  const zone = await zoneOf(core, given, first.date);
  if (zone === null) return asGiven;
  const dates = found.map((each) => ({ ...each, timeZone: zone, instant: midnight(each.date, zone) }));
  const instants = new Map(dates.map(({ field, instant }) => [field, instant]));
  return { input: named(instants), dates };
}

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
function dated(schema: z.core.$ZodType, value: unknown, field: string, found: DateFound[]): WithInstants {
  const of = unwrapped(schema);
  if (of === zInstant) {
    const date = zDate.safeParse(value);
    if (!date.success) return () => value;
    found.push({ field, date: date.data });
    return (instants) => instants.get(field) ?? value;
  }
  if (of instanceof z.ZodArray && Array.isArray(value)) {
    const items = value.map((item: unknown, index) => dated(of.element, item, `${field}[${index}]`, found));
    return (instants) => items.map((item) => item(instants));
  }
  if (of instanceof z.ZodObject && of !== zPeriod && typeof value === 'object' && value !== null) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = of.shape;
    const fields = Object.entries(value).map(([name, each]: [string, unknown]) => {
      const inside = shape[name];
      const path = field === '' ? name : `${field}.${name}`;
      return [name, inside === undefined ? () => each : dated(inside, each, path, found)] as const;
    });
    return (instants) => Object.fromEntries(fields.map(([name, each]) => [name, each(instants)]));
  }
  return () => value;
}

const zSubject = z.object({
  tenantId: z.string().optional(),
  deploymentId: z.string().optional(),
  subscriptionId: z.string().optional(),
  invoiceId: z.string().optional(),
  timeZone: z.string().optional(),
});

/**
 * The time zone of the tenant that a command is about. null: it names none. UTC: the tenant is not known, and the
 * command is refused for that.
 */
async function zoneOf(core: LedgerCore, given: object, date: string): Promise<string | null> {
  const subject = zSubject.safeParse(given).data;
  if (subject === undefined) return null;
  const { tenantId, deploymentId, subscriptionId, invoiceId, timeZone } = subject;
  if ([tenantId, deploymentId, subscriptionId, invoiceId].every((id) => id === undefined)) return null;
  const position = await core.projector.catchUp();
  const id = tenantId ?? (await tenantOf(core, position, { deploymentId, subscriptionId, invoiceId }, date));
  const [tenant] = id === undefined ? [] : await readTenants(core.db, position, [id]);
  // A tenant that is being registered says its time zone itself.
  return tenant?.time_zone ?? (timeZone !== undefined && isTimeZone(timeZone) ? timeZone : 'UTC');
}

async function tenantOf(
  core: LedgerCore,
  position: number,
  subject: Pick<z.infer<typeof zSubject>, 'deploymentId' | 'subscriptionId' | 'invoiceId'>,
  date: string,
): Promise<string | undefined> {
  const { invoiceId, subscriptionId } = subject;
  if (invoiceId !== undefined) {
    const [invoice] = isUuid(invoiceId) ? await readInvoices(core.db, position, [invoiceId]) : [];
    return invoice?.tenant_id;
  }
  const deploymentId =
    subject.deploymentId ??
    (subscriptionId === undefined ? undefined : await deploymentOfSubscription(core, subscriptionId));
  if (deploymentId === undefined) return undefined;
  const rows = await readAssignments(core.db, position, { deploymentIds: [deploymentId] });
  const assignments = rows.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }));
  const endOfDay = lastInstantBefore(dayOf(midnight(date, 'UTC')).end);
  return tenantAt(assignments, endOfDay) ?? assignments[0]?.tenantId;
}
