import type { RecordedEvent } from '#domain/events';
import { decimal, text } from '#domain/money/decimal';
import { zInstant } from '#domain/schema';
import { monthOf } from '#domain/time/period';
import type { ReadingKey } from '#domain/usage/usage';
import { asJsonb, recordVersions, within, withPruned } from '#billing/usage/pruned-usage';
import type { QueryContext } from '#ledger/query';
import { eventsOf, type FileRow, fileRow, type Reference, reference } from './evidence.js';
import { byInvoice, rowsOfReadings, type UsedIn } from './used-in.js';
import { looseKey } from '#projections/usage-records/usage-records.lookups';
import type { RecordVersion } from '#projections/usage-records/usage-records.read';

export interface ExplainedUsage {
  readonly is: 'usage record';
  /** Record by record, where there are several of one resource, kind and start. */
  readonly versions: readonly UsageVersion[];
  readonly usedIn: readonly UsedIn[];
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
  /** The event that gave it this quantity; and the one that took it back, where one did. */
  readonly event: Reference | null;
  readonly until: Reference | null;
  /** Of what was metered: the sightings and corrections of the resource that it was metered from. */
  readonly metered: readonly Reference[];
}

/** `usage:<deployment>/<billing kind>/<resource>/<period start>`, each part encoded as in a URL. */
const USAGE = /^usage:([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)$/;

/** A usage record with every version that it had; null where the id is of another form, or there is none. */
export async function explainUsage(context: QueryContext, id: string): Promise<ExplainedUsage | null> {
  const [deploymentId, billingKind, resourceId, start] = (USAGE.exec(id)?.slice(1) ?? []).map(decodeURIComponent);
  const at = zInstant.safeParse(start);
  if (deploymentId === undefined || billingKind === undefined || resourceId === undefined || !at.success) return null;
  const { core, position } = context;
  const stretch = { deploymentId, billingKind, ...monthOf(at.data) };
  const { rows } = await withPruned(core, [stretch], async (pruned) =>
    core.pool.query<RecordVersion>(
      `SELECT * FROM ${recordVersions('deployment_id = $2 AND billing_kind = $3 AND resource_id = $4 AND period_start = $5::timestamptz AND position_from <= $1', '$6')} u ORDER BY period_end, granularity, provider, source_id, position_from`,
      [position, deploymentId, billingKind, resourceId, at.data, asJsonb(within(pruned, stretch))],
    ),
  );
  const [first] = rows;
  if (first === undefined) return null;
  const positions = rows.flatMap((row) => [row.position_from, ...(row.position_to === null ? [] : [row.position_to])]);
  const events = new Map((await eventsOf(core.log, position, positions, [])).map((event) => [event.position, event]));
  const versions: UsageVersion[] = [];
  for (const row of rows) versions.push(await versionOf(context, row, events));
  const since = Math.min(...rows.map(({ position_from }) => position_from));
  return {
    is: 'usage record',
    versions,
    usedIn: byInvoice(
      await rowsOfReadings(context, since, first.deployment_id, [
        { billingKind: first.billing_kind, period: { start: first.period_start } },
      ]),
    ),
  };
}

async function versionOf(
  context: QueryContext,
  row: RecordVersion,
  events: ReadonlyMap<number, RecordedEvent>,
): Promise<UsageVersion> {
  const [event, until] = [
    events.get(row.position_from),
    row.position_to === null ? undefined : events.get(row.position_to),
  ];
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
    isInForce: row.position_to === null || row.position_to > context.position,
    file: event === undefined ? null : fileRow(event, placeIn(event, row)),
    event: event === undefined ? null : reference(event),
    until: until === undefined ? null : reference(until),
    metered: row.origin === 'metering' ? await meteredFrom(context, row) : [],
  };
}

/** Which of the readings that an event holds a record is. */
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

/** What was known of the resource at the reading's start, or when it was first seen within it: its last sighting, the last that said whose it was, and corrections. */
async function meteredFrom({ core }: QueryContext, row: RecordVersion): Promise<Reference[]> {
  const { rows } = await core.pool.query<{ position: number }>(
    `WITH seen AS (SELECT * FROM resource_sightings WHERE provider = $2 AND provider_id = $3 AND position_from <= $1 AND (position_to IS NULL OR position_to > $1)),
       by_then AS (SELECT * FROM seen WHERE seen_at <= greatest($4::timestamptz, (SELECT min(seen_at) FROM seen)))
     SELECT DISTINCT position_from AS position FROM (
       (SELECT position_from FROM by_then ORDER BY seen_at DESC, position_from DESC LIMIT 1)
       UNION ALL (SELECT position_from FROM by_then WHERE deployment_id IS NOT NULL ORDER BY seen_at DESC, position_from DESC LIMIT 1)
       UNION ALL SELECT recorded_position FROM resource_corrections WHERE provider = $2 AND provider_id = $3 AND recorded_position <= $1 AND effective_from < $5
         AND (effective_until IS NULL OR effective_until > $4)) p`,
    [row.position_from, row.provider, row.resource_id, row.period_start, row.period_end],
  );
  const events = await eventsOf(
    core.log,
    row.position_from,
    rows.map(({ position }) => position),
    [],
  );
  return events.map(reference);
}
