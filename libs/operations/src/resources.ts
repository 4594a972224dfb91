import { z } from 'zod';
import type { Correction } from '#domain/correction';
import { invalid, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import {
  DEFAULT_STRIKES_UNTIL_REMOVED,
  inventoryStream,
  isSightingCorrected,
  lastStateAt,
  type ObservedResource,
  stateAt,
  strikesOf,
  zObservedResource,
  zResourceChanges,
} from '#domain/inventory/resource';
import { zId, zInstant, zText } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { overlaps } from '#domain/time/period';
import { packed } from '#domain/usage/usage';
import type { ResourceRow } from '#projections/inventory/inventory.table';
import { assertNotCorrectedSince } from '#billing/inventory/corrections-since';
import { type Known, knownResources, timelinesOf } from '#billing/inventory/timelines';
import { type SightingKey, withoutSighting } from '#billing/inventory/withdrawn-sighting';
import type { CommandCall, CommandDone, Stated } from '#ledger/command';
import { defineCommand, defineWithdrawal, remedyText } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { basisOf, overtaken } from '#ledger/overtaken';
import { defineQuery, pageOfAll, STAFF, zAt, zOptionalId, zPage, pageOfRows } from '#ledger/query';
import {
  readResourcePage,
  readResources,
  readResourcesHeld,
  RESOURCE_ORDER,
} from '#projections/inventory/inventory.read';
import { listOf, zAny, zQuantity, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { DAY } from './story.js';

/** A field left out keeps its value. null removes the value. */
const zSeenResource = z.strictObject({
  ...zObservedResource.shape,
  sizeGb: zObservedResource.shape.sizeGb.nullable(),
  tenantId: zObservedResource.shape.tenantId.nullable(),
  deploymentId: zObservedResource.shape.deploymentId.nullable(),
});
type SeenResource = z.output<typeof zSeenResource>;

const RESOURCE = {
  providerId: 'droplet-1',
  kind: 'droplet',
  name: 'web 1',
  status: 'active',
  tenantId: 'acme',
  deploymentId: 'acme-prod',
};

const SIGHTING_MISTAKES = { correctedBy: ['correct-resource', 'withdraw'] } as const;
const LISTING_MISTAKES = { correctedBy: ['correct-resource'] } as const;

const observeResource = defineCommand({
  name: 'observe-resource',
  summary: 'Records an observation of one resource',
  fields: zSeenResource.extend({ provider: zId, seenAt: zInstant }),
  key: ({ provider, providerId, seenAt }) => [provider, providerId, seenAt],
  mistakes: SIGHTING_MISTAKES,
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ provider: zId, providerId: zId, seenAt: zInstant }),
    async handle(call, core, correction) {
      const { seenAt, ...resource } = call.fields;
      return withdrawSighting(core, call, { ...resource, at: seenAt, gone: false }, correction);
    },
  }),
  example: { provider: 'digitalocean', ...RESOURCE, seenAt: DAY.start },
  async handle(call, core) {
    const { provider, seenAt, ...resource } = call.fields;
    return observe(core, call, { provider, seenAt, resources: [resource] }, false);
  },
});

const syncResources = defineCommand({
  name: 'sync-resources',
  summary: 'Records the complete listing of a provider. A resource missing in several listings is removed',
  fields: z.strictObject({ provider: zId, seenAt: zInstant, resources: z.array(zSeenResource) }),
  key: ({ provider, seenAt }) => [provider, seenAt],
  mistakes: LISTING_MISTAKES,
  example: { provider: 'digitalocean', seenAt: DAY.end, resources: [RESOURCE] },
  async handle(call, core) {
    return observe(core, call, call.fields, true);
  },
});

const removeResource = defineCommand({
  name: 'remove-resource',
  summary: 'Records the removal of a resource at an instant',
  fields: z.strictObject({ provider: zId, providerId: zId, at: zInstant }),
  key: ({ provider, providerId, at }) => [provider, providerId, at],
  mistakes: { correctedBy: ['withdraw', 'observe-resource'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ provider: zId, providerId: zId, at: zInstant }),
    async handle(call, core, correction) {
      return withdrawSighting(core, call, { ...call.fields, gone: true }, correction);
    },
  }),
  example: { provider: 'digitalocean', providerId: 'droplet-1', at: '2026-04-20T00:00:00Z' },
  async handle(call, core) {
    const { provider, providerId } = call.fields;
    return core.book.decideOnReadModels(inventoryStream(provider), call, async (position) => {
      await assertKnown(core, position, provider, providerId);
      return { events: [{ type: 'ResourceRemoved', data: call.fields }] };
    });
  },
});

const correctResource = defineCommand({
  name: 'correct-resource',
  summary: 'Corrects the status, size or holder of a resource for a past period',
  fields: z.strictObject({
    provider: zId,
    providerId: zId,
    from: zInstant,
    until: zInstant.optional(),
    ...zResourceChanges.shape,
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-resource'] },
  example: {
    provider: 'digitalocean',
    providerId: 'droplet-1',
    from: DAY.start,
    status: 'off',
    reason: 'it was off all along',
  },
  async handle(call, core) {
    const { provider, providerId, from, until, reason, ...changes } = call.fields;
    if (Object.keys(changes).length === 0)
      throw invalid(
        'nothing_to_correct',
        'correct-resource: give at least one of status, sizeGb, deploymentId, tenantId',
      );
    const basis = await basisOf(core, call);
    return core.book.decideOnReadModels(inventoryStream(provider), call, async (position) => {
      await assertKnown(core, position, provider, providerId);
      await assertNotCorrectedSince(
        core,
        call,
        { basis, provider, providerId },
        (other) =>
          overlaps(other.stretch, { start: from, end: until ?? null }) &&
          Object.keys(other.changes).some((field) => Object.hasOwn(changes, field)),
      );
      return {
        events: [
          { type: 'ResourceCorrected', data: { provider, providerId, from, until: until ?? null, changes, reason } },
        ],
      };
    });
  },
});

interface Observed {
  readonly provider: string;
  readonly seenAt: Instant;
  readonly resources: readonly SeenResource[];
}

async function observe(
  core: LedgerCore,
  call: CommandCall,
  { provider, seenAt, resources: seen }: Observed,
  complete: boolean,
): Promise<CommandDone> {
  assertListedOnce(seen);
  const stated: Stated = {
    async isCorrectedAt(position) {
      const known = await timelinesOf(core, position, {
        provider,
        providerIds: seen.map(({ providerId }) => providerId),
      });
      return known.some(({ timeline }) => isSightingCorrected(timeline, seenAt));
    },
    remedy: remedyText(complete ? LISTING_MISTAKES : SIGHTING_MISTAKES),
  };
  return core.book.decideOnReadModels(
    inventoryStream(provider),
    { ...call, stated },
    async (position) => {
      const known = await knownResources(
        core,
        position,
        provider,
        seen.map(({ providerId }) => providerId),
      );
      const resources = seen.map((resource) => completed(resource, known.get(resource.providerId), seenAt));
      const events = packed(resources).map((batch): LedgerEvent => ({
        type: 'ResourcesObserved',
        data: { provider, seenAt, resources: batch },
      }));
      if (!complete) return { events };
      const rows = await readResources(core.db, position, { provider });
      const listed = new Set(seen.map(({ providerId }) => providerId));
      const strikes = strikesOf(
        rows.map((row) => ({
          providerId: row.provider_id,
          lastSeenAt: row.last_seen_at,
          staleStrikeCount: row.stale_strike_count,
          deletedAt: row.deleted_at,
        })),
        listed,
        seenAt,
        DEFAULT_STRIKES_UNTIL_REMOVED,
      );
      const closing: LedgerEvent = {
        type: 'ResourcesObserved',
        data: { provider, seenAt, resources: [], ...strikes },
      };
      return {
        events: [...events, closing],
        result: { observed: resources.length, missed: strikes.missed.length, removed: strikes.removed },
      };
    },
    complete ? undefined : concerning(seen),
  );
}

async function assertKnown(core: LedgerCore, position: number, provider: string, providerId: string): Promise<void> {
  const timelines = await timelinesOf(core, position, { provider, providerIds: [providerId] });
  if (timelines.length === 0) throw notFound('unknown_resource', `provider ${provider} has no resource ${providerId}`);
}

/** Withdraws a sighting or a removal, also one from a listing. Errors: `unknown_sighting`, `overtaken`. */
async function withdrawSighting(
  core: LedgerCore,
  call: CommandCall,
  key: SightingKey,
  correction: Correction,
): Promise<CommandDone> {
  const { provider, providerId, at } = key;
  const basis = await basisOf(core, call);
  return core.book.decideOnReadModels(inventoryStream(provider), call, async (position) => {
    const { recordedAt, lastSeen } = await withoutSighting(core, position, key);
    if (recordedAt > basis) throw overtaken(call, basis, `it was recorded again (position ${recordedAt})`);
    await assertNotCorrectedSince(core, call, { basis, provider, providerId }, ({ stretch }) =>
      overlaps(stretch, { start: at, end: null }),
    );
    return { events: [{ type: 'ResourceSightingWithdrawn', data: { ...key, lastSeen, ...correction } }] };
  });
}

/** Events of the provider that concern one of these resources. Observations of other resources do not matter. */
function concerning(seen: readonly SeenResource[]): (event: RecordedEvent) => boolean {
  const ids = new Set(seen.map(({ providerId }) => providerId));
  return ({ type, data }) => {
    if (type === 'ResourcesObserved')
      return [
        ...data.resources.map(({ providerId }) => providerId),
        ...(data.missed ?? []),
        ...(data.removed ?? []),
      ].some((id) => ids.has(id));
    if (type === 'ResourceRemoved' || type === 'ResourceCorrected' || type === 'ResourceSightingWithdrawn')
      return ids.has(data.providerId);
    return type !== 'CommandUnchanged';
  };
}

function assertListedOnce(seen: readonly SeenResource[]): void {
  const ids = new Set<string>();
  for (const [index, { providerId }] of seen.entries()) {
    if (ids.has(providerId))
      throw invalid('duplicate_resource', `resources[${index}]: duplicate providerId ${providerId}`, [
        { field: `resources[${index}].providerId`, message: 'is a duplicate' },
      ]);
    ids.add(providerId);
  }
}

/** Fills the fields that the observation leaves out with the last known values at that time. */
function completed(seen: SeenResource, known: Known | undefined, seenAt: Instant): ObservedResource {
  const state = known === undefined ? undefined : lastStateAt(known.timeline, seenAt);
  const pick = (given: string | null | undefined, before: string | null | undefined): string | undefined =>
    given === undefined ? (before ?? undefined) : (given ?? undefined);
  const { sizeGb, tenantId, deploymentId, region, project, sizeSlug, tags, attrs, ...rest } = seen;
  const fields = {
    sizeGb: pick(sizeGb, state?.sizeGb),
    tenantId: pick(tenantId, state?.tenantId),
    deploymentId: pick(deploymentId, state?.deploymentId),
    region: pick(region, known?.row.region),
    project: pick(project, known?.row.project),
    sizeSlug: pick(sizeSlug, known?.row.size_slug),
    tags: tags ?? known?.row.tags,
    attrs: attrs ?? known?.row.attrs,
  };
  return zObservedResource.parse({ ...rest, ...fields });
}

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
    staleStrikeCount: z.int().describe('Number of complete listings in a row without it'),
    deletedAt: zTimestamp.nullable(),
  })
  .meta({ id: 'Resource' });

export const resources = defineQuery({
  name: 'resources',
  summary: 'The inventory of resources: as last seen, or with `at` as they were at an instant',
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
    if (at !== undefined) {
      const rows = (await rowsAt(core, position, { provider, providerId, deploymentId }, at))
        .filter((row) => kind === undefined || row.kind === kind)
        .filter((row) => deploymentId === undefined || row.deployment_id === deploymentId)
        .filter((row) => tenantId === undefined || row.tenant_id === tenantId);
      return pageOfAll(rows.map(toItem), page, position, (item) => JSON.stringify([item.provider, item.providerId]));
    }
    const of = {
      ...(provider === undefined ? {} : { provider }),
      ...(providerId === undefined ? {} : { provider_id: providerId }),
      ...(kind === undefined ? {} : { kind }),
      ...(deploymentId === undefined ? {} : { deployment_id: deploymentId }),
      ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
    };
    return pageOfRows({
      order: RESOURCE_ORDER,
      page,
      position,
      read: async (rows) => readResourcePage(core.db, position, of, rows),
      toItems: (rows) => rows.map(toItem),
    });
  },
});

const toItem = (row: ResourceRow) => ({
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
});

/**
 * The resources that existed at an instant, with their state then. Fields without a history, such as the name, are as
 * last seen.
 */
async function rowsAt(
  core: LedgerCore,
  position: number,
  {
    provider,
    providerId,
    deploymentId,
  }: Readonly<Record<'provider' | 'providerId' | 'deploymentId', string | undefined>>,
  at: Instant,
): Promise<ResourceRow[]> {
  const held = async (id: string): Promise<string[]> =>
    (await readResourcesHeld(core.db, position, [id])).map(({ provider_id }) => provider_id);
  const named = providerId === undefined ? undefined : [providerId];
  const of = { provider, providerIds: named ?? (deploymentId === undefined ? undefined : await held(deploymentId)) };
  const rows = await readResources(core.db, position, of);
  const keyOf = (ofProvider: string, id: string): string => JSON.stringify([ofProvider, id]);
  const timelines = new Map(
    (await timelinesOf(core, position, of)).map((each) => [keyOf(each.provider, each.providerId), each.timeline]),
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

export const resourceOperations: Operations = {
  commands: [observeResource, syncResources, removeResource, correctResource],
  queries: [resources],
};
