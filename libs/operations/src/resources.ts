import { z } from 'zod';
import { stateAt } from '#domain/inventory/resource';
import type { Instant } from '#domain/time/instant';
import type { ResourceRow } from '#projections/inventory/inventory.table';
import { timelinesOf } from '#billing/inventory/timelines';
import { inForceAt, type LedgerCore } from '#ledger/ledger-core';
import { defineQuery, pageOfAll, STAFF, zAt, zOptionalId, zPage } from '#ledger/query';
import { listOf, zAny, zQuantity, zTimestamp } from './answers.js';

const zResource = z
  .object({
    provider: z.string(),
    providerId: z.string(),
    kind: z.string(),
    name: z.string(),
    region: z.string().nullable(),
    project: z.string().nullable(),
    status: z.string(),
    sizeSlug: z.string().nullable(),
    sizeGb: zQuantity.nullable(),
    tenantId: z.string().nullable(),
    deploymentId: z.string().nullable(),
    tags: z.array(z.string()),
    attrs: zAny,
    firstSeenAt: zTimestamp,
    lastSeenAt: zTimestamp,
    staleStrikeCount: z.int().describe('Complete listings in a row that lacked it'),
    deletedAt: zTimestamp.nullable(),
  })
  .meta({ id: 'Resource' });

export const resources = defineQuery({
  name: 'resources',
  summary:
    'The inventory: what providers run for us, as last seen; or with its kind, status, size and holder at an instant, and what there was then',
  path: 'resources',
  params: zPage.extend({
    provider: zOptionalId,
    providerId: zOptionalId,
    kind: zOptionalId,
    deploymentId: zOptionalId,
    tenantId: zOptionalId,
    ...zAt,
  }),
  roles: STAFF,
  answer: listOf(zResource),
  example: { provider: 'digitalocean' },
  async handle({ provider, providerId, kind, deploymentId, tenantId, at, ...page }, { core, position }) {
    let query = core.db.selectFrom('resources').selectAll().where(inForceAt(position));
    if (provider !== undefined) query = query.where('provider', '=', provider);
    if (providerId !== undefined) query = query.where('provider_id', '=', providerId);
    const last = await query.execute();
    const rows = at === undefined ? last : await rowsAt(core, position, last, at);
    const asked = rows
      .filter((row) => kind === undefined || row.kind === kind)
      .filter((row) => deploymentId === undefined || row.deployment_id === deploymentId)
      .filter((row) => tenantId === undefined || row.tenant_id === tenantId);
    const items = asked.map((row) => ({
      provider: row.provider,
      providerId: row.provider_id,
      kind: row.kind,
      name: row.name,
      region: row.region,
      project: row.project,
      status: row.status,
      sizeSlug: row.size_slug,
      sizeGb: row.size_gb,
      tenantId: row.tenant_id,
      deploymentId: row.deployment_id,
      tags: row.tags,
      attrs: row.attrs,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
      staleStrikeCount: row.stale_strike_count,
      deletedAt: row.deleted_at,
    }));
    return pageOfAll(items, page, position, (item) => JSON.stringify([item.provider, item.providerId]));
  },
});

/** Those that there were at an instant, as they were then; what has no history, as its name, is as last seen. */
async function rowsAt(
  core: LedgerCore,
  position: number,
  rows: readonly ResourceRow[],
  at: Instant,
): Promise<ResourceRow[]> {
  const keyOf = (provider: string, providerId: string): string => JSON.stringify([provider, providerId]);
  const timelines = new Map(
    (await timelinesOf(core, position)).map((each) => [keyOf(each.provider, each.providerId), each.timeline]),
  );
  return rows.flatMap((row) => {
    const timeline = timelines.get(keyOf(row.provider, row.provider_id));
    const state = timeline === undefined ? undefined : stateAt(timeline, at);
    if (state === undefined || state === null) return [];
    return [
      {
        ...row,
        kind: state.kind,
        status: state.status,
        size_gb: state.sizeGb,
        deployment_id: state.deploymentId,
        tenant_id: state.tenantId,
      },
    ];
  });
}
