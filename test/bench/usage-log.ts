import { createHash } from 'node:crypto';
import type pg from 'pg';
import { usageStream } from '#domain/usage/usage';
import { type NewEvent, NO_STREAM } from '#event-store/port';
import type { PostgresLog } from '#event-store/postgres';

/** Each resource has ten days' readings; a hundred resources are a deployment, and its thousand readings one event. */
const DAYS = 10;
const RESOURCES_PER_DEPLOYMENT = 100;
export const READINGS_PER_EVENT = DAYS * RESOURCES_PER_DEPLOYMENT;
const APPENDS_AT_ONCE = 8;
const METADATA = JSON.stringify({ actor: 'bench' });
const MONTH = '2026-04';

export const deploymentId = (n: number): string => `deployment-${String(n).padStart(6, '0')}`;
const day = (n: number): string => `${MONTH}-${String(n).padStart(2, '0')}T00:00:00Z`;

/** 24 hours on each of the ten days, less one for every second resource. */
export const QUANTITY_PER_EVENT = (RESOURCES_PER_DEPLOYMENT / 2) * DAYS * (24 + 23);

function observations(deployment: number): object[] {
  return Array.from({ length: RESOURCES_PER_DEPLOYMENT }, (_, resource) =>
    Array.from({ length: DAYS }, (__, index) => ({
      provider: 'digitalocean',
      resourceId: String(400_000_000 + deployment * RESOURCES_PER_DEPLOYMENT + resource),
      billingKind: 'droplet_hours',
      period: { start: day(index + 1), end: day(index + 2) },
      granularity: 'day',
      quantity: String(24 - (resource % 2)),
    })),
  ).flat();
}

/** A UUID that the number alone gives. */
const idOf = (n: number): string =>
  createHash('sha256')
    .update(`bench ${n}`)
    .digest('hex')
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');

export function usageEvent(n: number): NewEvent {
  const data = { deploymentId: deploymentId(n), month: MONTH, origin: 'metering', observations: observations(n) };
  return { id: idOf(n), type: 'UsageObserved', data: JSON.stringify(data), metadata: METADATA };
}

/**
 * Appends packed readings, whole events of them: as many as make up at least `records`. Answers how many records there
 * are.
 */
export async function appendUsage(log: PostgresLog, records: number): Promise<number> {
  const events = Math.ceil(records / READINGS_PER_EVENT);
  let next = 0;
  await Promise.all(
    Array.from({ length: APPENDS_AT_ONCE }, async () => {
      while (next < events) {
        const n = next;
        next += 1;
        await log.append(usageStream(deploymentId(n), MONTH), NO_STREAM, [usageEvent(n)]);
      }
    }),
  );
  return events * READINGS_PER_EVENT;
}

/** What usage_records, or a copy of it, holds. */
export async function usageTotals(pool: pg.Pool, table: string): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT count(*)::text AS rows, sum(quantity)::text AS quantity, count(DISTINCT resource_id)::text AS ` +
      `resources, max(position_from)::text AS last FROM ${table}`,
  );
  return rows[0];
}
