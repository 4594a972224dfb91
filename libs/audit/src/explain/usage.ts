import type { RecordedEvent } from '#domain/events';
import { decimal, text } from '#domain/money/decimal';
import { zInstant } from '#domain/schema';
import { tenancies } from '#domain/tenants/deployment';
import { contains, monthOf } from '#domain/time/period';
import type { Instant } from '#domain/time/instant';
import type { ReadingKey } from '#domain/usage/usage';
import { within, withPruned } from '#billing/usage/pruned-usage';
import type { LedgerCore } from '#ledger/ledger-core';
import type { QueryContext } from '#ledger/query';
import { readAssignments } from '#projections/deployments/deployments.read';
import { readMeteredFrom } from '#projections/inventory/inventory.read';
import { readRowsOf } from '#projections/invoices/issued-rows.read';
import { readVersionsOfReading } from '#projections/usage-records/usage-history.read';
import { isAt } from '#read-model/at';
import { decodedId } from './encoded-id.js';
import { eventsOf, type FileRow, fileRow, readEvent, type Reference, reference } from './evidence.js';
import { isOwn } from './own.js';
import { byInvoice, type Uses } from './used-in.js';
import { looseKey } from '#projections/usage-records/usage-records.lookups';
import type { RecordVersion } from '#projections/usage-records/usage-records.read';

export interface ExplainedUsage extends Uses {
  readonly is: 'usage record';
  /** Every version, record by record: there may be several of one resource, kind and start. */
  readonly versions: readonly UsageVersion[];
}

export interface UsageVersion {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly resourceId: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly granularity: RecordVersion['granularity'];
  readonly provider: string | null;
  readonly sourceId: string | null;
  readonly quantity: string;
  readonly origin: RecordVersion['origin'];
  readonly isInForce: boolean;
  /** Where it was read. */
  readonly file: FileRow | null;
  /** The event that gave it this quantity, and the one that replaced or withdrew it. */
  readonly event: Reference | null;
  readonly until: Reference | null;
  /** Of what was metered: the sightings and corrections of the resource that it was metered from. */
  readonly metered: readonly Reference[];
}

/** `usage:<deployment>/<billing kind>/<resource>/<period start>`, each part encoded as in a URL. */
const USAGE = /^usage:([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/;

/** The reading that an id names. null: the id has another form. */
function readingNamed(id: string) {
  const [deploymentId = null, billingKind = null, resourceId = null, start = null] = (
    USAGE.exec(id)?.slice(1) ?? []
  ).map(decodedId);
  const at = zInstant.safeParse(start);
  if (deploymentId === null || billingKind === null || resourceId === null || !at.success) return null;
  return { deploymentId, billingKind, resourceId, start: at.data };
}

/** A usage record with all its versions. null: there is none, or the id has another form. */
export async function explainUsage(context: QueryContext, id: string, first: number): Promise<ExplainedUsage | null> {
  const named = readingNamed(id);
  if (named === null || !(await isOfCaller(context, named))) return null;
  const { deploymentId, billingKind, resourceId, start } = named;
  const { core, position } = context;
  const stretch = { deploymentId, billingKind, ...monthOf(start) };
  const reading = {
    deployment_id: deploymentId,
    billing_kind: billingKind,
    resource_id: resourceId,
    period_start: start,
  };
  const rows = await withPruned(core, [stretch], async (pruned) =>
    readVersionsOfReading(core.db, position, reading, within(pruned, stretch)),
  );
  if (rows.length === 0) return null;
  const positions = rows.flatMap((row) => [row.position_from, ...(row.position_to === null ? [] : [row.position_to])]);
  const events = byPosition(await eventsOf(core.log, position, positions, []));
  const meteredFrom = await meteredFromOf(core, rows);
  const since = Math.min(...rows.map(({ position_from }) => position_from));
  const used = await readRowsOf(core.db, position, { since, readings: [{ deploymentId, billingKind, start }] });
  return {
    is: 'usage record',
    versions: rows.map((row) => versionOf(row, position, events, meteredFrom(row))),
    ...byInvoice(
      used.filter((row) => isOwn(context, row.tenant_id)),
      first,
    ),
  };
}

/** Whether the caller's tenant held the deployment when a reading began. */
async function isOfCaller(
  { core, position, confinedTo }: QueryContext,
  { deploymentId, start }: { readonly deploymentId: string; readonly start: Instant },
): Promise<boolean> {
  if (confinedTo === null) return true;
  const assigned = (await readAssignments(core.db, position, { tenantIds: [confinedTo] })).filter(
    (row) => row.deployment_id === deploymentId,
  );
  return tenancies(assigned.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from }))).some(
    ({ tenantId, period }) => tenantId === confinedTo && contains(period, start),
  );
}

const byPosition = (events: readonly RecordedEvent[]): ReadonlyMap<number, RecordedEvent> =>
  new Map(events.map((event) => [event.position, event]));

function versionOf(
  row: RecordVersion,
  position: number,
  events: ReadonlyMap<number, RecordedEvent>,
  metered: readonly Reference[],
): UsageVersion {
  const event = events.get(row.position_from);
  const until = row.position_to === null ? undefined : events.get(row.position_to);
  return {
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    resourceId: row.resource_id,
    period: { start: row.period_start, end: row.period_end },
    granularity: row.granularity,
    provider: row.provider === '' ? null : row.provider,
    sourceId: row.source_id === '' ? null : row.source_id,
    quantity: text(decimal(row.quantity)),
    origin: row.origin,
    isInForce: isAt(row, position),
    file: event === undefined ? null : fileRow(event, placeIn(event, row)),
    event: event === undefined ? null : reference(event),
    until: until === undefined ? null : reference(until),
    metered,
  };
}

/** The place of a record among the readings of an event. */
function placeIn(event: RecordedEvent, row: RecordVersion): number {
  const {
    resource_id: resourceId,
    billing_kind: billingKind,
    period_start: start,
    period_end: end,
    granularity,
    source_id: sourceId,
    provider,
  } = row;
  const key = looseKey({ resourceId, billingKind, period: { start, end }, granularity, sourceId });
  return readingsIn(event).findIndex((each) => looseKey(each) === key && (each.provider ?? '') === provider);
}

function readingsIn({ type, data }: RecordedEvent): readonly ReadingKey[] {
  if (type === 'UsageObserved') return data.observations;
  return type === 'UsageCorrected' ? data.corrections : [];
}

/** The sightings and corrections of its resource that a metered version was metered from. */
async function meteredFromOf(
  core: LedgerCore,
  rows: readonly RecordVersion[],
): Promise<(row: RecordVersion) => Reference[]> {
  const metered = rows.filter(({ origin }) => origin === 'metering');
  if (metered.length === 0) return () => [];
  const found = await readMeteredFrom(
    core.db,
    metered.map((row) => ({
      position: row.position_from,
      provider: row.provider,
      providerId: row.resource_id,
      start: row.period_start,
      end: row.period_end,
    })),
  );
  const positions = Map.groupBy(found, ({ index }) => metered[index]);
  const recorded = found.map(({ position }) => position);
  const events = byPosition(await Array.fromAsync(core.log.readAt(recorded), readEvent));
  return (row) => (positions.get(row) ?? []).flatMap(({ position }) => events.get(position) ?? []).map(reference);
}
