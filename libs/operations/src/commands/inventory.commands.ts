import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { invalid, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import {
  DEFAULT_STRIKES_UNTIL_REMOVED,
  inventoryStream,
  type ObservedResource,
  lastStateAt,
  type ResourceChanges,
  strikesOf,
  zObservedResource,
  zResourceChanges,
} from '#domain/inventory/resource';
import { zId, zInstant, zText } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import { type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import { packed } from '#domain/usage/usage';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { inForceAt, LedgerCore } from '#ledger/ledger-core';
import { overtaken, basisOf } from '#ledger/overtaken';
import { type Known, knownResources, timelinesOf } from '#billing/inventory/timelines';

/** What an observation leaves out stays as it was; null says: none. */
const zSeenResource = z.strictObject({
  ...zObservedResource.shape,
  sizeGb: zObservedResource.shape.sizeGb.nullable(),
  tenantId: zObservedResource.shape.tenantId.nullable(),
  deploymentId: zObservedResource.shape.deploymentId.nullable(),
});
type SeenResource = z.output<typeof zSeenResource>;

const observeResource = defineCommand({
  name: 'observe-resource',
  schema: zSeenResource.extend({ provider: zId, seenAt: zInstant }),
  key: ({ provider, providerId, seenAt }) => [provider, providerId, seenAt],
});
const syncResources = defineCommand({
  name: 'sync-resources',
  schema: z.strictObject({ provider: zId, seenAt: zInstant, resources: z.array(zSeenResource) }),
  key: ({ provider, seenAt }) => [provider, seenAt],
});
const removeResource = defineCommand({
  name: 'remove-resource',
  schema: z.strictObject({ provider: zId, providerId: zId, at: zInstant }),
  key: ({ provider, providerId, at }) => [provider, providerId, at],
});
const correctResource = defineCommand({
  name: 'correct-resource',
  schema: z.strictObject({
    provider: zId,
    providerId: zId,
    from: zInstant,
    until: zInstant.optional(),
    ...zResourceChanges.shape,
    reason: zText.min(1),
  }),
  key: 'body',
});

export const inventoryCommands = [observeResource, syncResources, removeResource, correctResource];

export class InventoryCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(InventoryCommand)
export class InventoryHandler implements ICommandHandler<InventoryCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: InventoryCommand): Promise<CommandDone> {
    if (isCall(call, observeResource)) {
      const { provider, seenAt, ...resource } = call.fields;
      return this.observe(call, provider, seenAt, [resource], false);
    }
    if (isCall(call, syncResources))
      return this.observe(call, call.fields.provider, call.fields.seenAt, call.fields.resources, true);
    if (isCall(call, removeResource)) return this.remove(call);
    if (isCall(call, correctResource)) return this.correct(call);
    throw new Error(`${call.name} is not a command of the inventory`);
  }

  private async observe(
    call: CommandCall,
    provider: string,
    seenAt: Instant,
    seen: readonly SeenResource[],
    complete: boolean,
  ): Promise<CommandDone> {
    assertListedOnce(seen);
    return this.core.book.decideOnReadModels(
      inventoryStream(provider),
      call,
      async (position) => {
        const known = await knownResources(
          this.core,
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
        const rows = await this.core.db
          .selectFrom('resources')
          .selectAll()
          .where('provider', '=', provider)
          .where(inForceAt(position))
          .execute();
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

  private async remove(call: CommandCall<z.output<typeof removeResource.schema>>): Promise<CommandDone> {
    const { provider, providerId } = call.fields;
    return this.core.book.decideOnReadModels(inventoryStream(provider), call, async (position) => {
      await this.assertKnown(position, provider, providerId);
      return { events: [{ type: 'ResourceRemoved', data: call.fields }] };
    });
  }

  private async correct(call: CommandCall<z.output<typeof correctResource.schema>>): Promise<CommandDone> {
    const { provider, providerId, from, until, reason, ...changes } = call.fields;
    if (Object.keys(changes).length === 0)
      throw invalid(
        'nothing_to_correct',
        'correct-resource: name at least one of status, sizeGb, deploymentId, tenantId',
      );
    const basis = await basisOf(this.core, call);
    return this.core.book.decideOnReadModels(inventoryStream(provider), call, async (position) => {
      await this.assertKnown(position, provider, providerId);
      const others = await correctionsSince(this.core, basis, provider, providerId);
      const other = others.find(
        (each) =>
          overlaps(each.stretch, { start: from, end: until ?? null }) &&
          Object.keys(each.changes).some((field) => Object.hasOwn(changes, field)),
      );
      if (other !== undefined)
        throw overtaken(
          call,
          basis,
          `${providerId} was corrected over ${periodText(other.stretch)}: ${JSON.stringify(other.changes)} (position ${other.position})`,
        );
      return {
        events: [
          { type: 'ResourceCorrected', data: { provider, providerId, from, until: until ?? null, changes, reason } },
        ],
      };
    });
  }

  private async assertKnown(position: number, provider: string, providerId: string): Promise<void> {
    const timelines = await timelinesOf(this.core, position, { provider, providerIds: [providerId] });
    if (timelines.length === 0)
      throw notFound('unknown_resource', `provider ${provider} has no resource ${providerId}`);
  }
}

async function correctionsSince(
  core: LedgerCore,
  basis: number,
  provider: string,
  providerId: string,
): Promise<{ position: number; stretch: OpenPeriod; changes: ResourceChanges }[]> {
  const rows = await core.db
    .selectFrom('resource_corrections')
    .select(['recorded_position', 'effective_from', 'effective_until', 'changes'])
    .where('provider', '=', provider)
    .where('provider_id', '=', providerId)
    .where('recorded_position', '>', basis)
    .execute();
  return rows.map((row) => ({
    position: row.recorded_position,
    stretch: { start: row.effective_from, end: row.effective_until },
    changes: row.changes,
  }));
}

/** Events of the same provider that say something of one of these resources: an observation of others leaves them as they are. */
function concerning(seen: readonly SeenResource[]): (event: RecordedEvent) => boolean {
  const ids = new Set(seen.map(({ providerId }) => providerId));
  return ({ type, data }) => {
    if (type === 'ResourcesObserved')
      return [
        ...data.resources.map(({ providerId }) => providerId),
        ...(data.missed ?? []),
        ...(data.removed ?? []),
      ].some((id) => ids.has(id));
    if (type === 'ResourceRemoved' || type === 'ResourceCorrected') return ids.has(data.providerId);
    return type !== 'CommandUnchanged';
  };
}

function assertListedOnce(seen: readonly SeenResource[]): void {
  const ids = new Set<string>();
  for (const [index, { providerId }] of seen.entries()) {
    if (ids.has(providerId))
      throw invalid('duplicate_resource', `resources[${index}]: ${providerId} is listed twice`, [
        { field: `resources[${index}].providerId`, message: 'is listed twice' },
      ]);
    ids.add(providerId);
  }
}

/** The observation with what it left out carried over from what was known at that time: of one that was gone, from when it was last there. */
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
