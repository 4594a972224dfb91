import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { invalid } from '#domain/errors';
import type { LedgerEvent } from '#domain/events';
import {
  METERED_BILLING_KINDS,
  METERED_DAYS_STREAM,
  meterDay,
  METERING_GRANULARITIES,
  type MeteredReading,
  meteringStream,
} from '#domain/metering/metering';
import { zDate, zId, zInstant } from '#domain/schema';
import { instant } from '#domain/time/instant';
import { contains, dayOf, intersection, monthOf, type Period } from '#domain/time/period';
import { packed, usageMonth, usageStream } from '#domain/usage/usage';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { canonicalJson, type CommandCall, type CommandDone, defineCommand, isCall, stepOf } from '#ledger/command';
import { timelinesOf } from '#billing/inventory/timelines';
import { keyOfRow, knownReadings } from '#billing/usage/known-usage';
import { inForceAt, LedgerCore } from '#ledger/ledger-core';
import { fromLog, prunedOfMonth } from '#billing/usage/pruned-usage';
import { writeUsage } from '#billing/usage/usage-writer';

const configureMetering = defineCommand({
  name: 'configure-metering',
  schema: z.strictObject({
    billingKind: zId,
    granularity: z.enum(METERING_GRANULARITIES),
    retentionDays: z.int().positive().optional(),
    from: zInstant,
  }),
  key: ({ billingKind, from }) => [billingKind, from],
});
const runMetering = defineCommand({ name: 'run-metering', schema: z.strictObject({ date: zDate }), key: 'none' });

export const meteringCommands = [configureMetering, runMetering];

export class MeteringCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

/** A resource may name a deployment that nobody registered, a typo: it is reported, and metered once that deployment is there. */
function withoutUnknown(
  { readings, skipped }: ReturnType<typeof meterDay>,
  registered: ReadonlySet<string>,
): ReturnType<typeof meterDay> {
  const unknown = new Map(
    readings.flatMap(({ deploymentId, observation: { provider = '', resourceId, billingKind } }) =>
      registered.has(deploymentId)
        ? []
        : [
            [
              `${provider}/${resourceId}`,
              {
                provider,
                providerId: resourceId,
                kind: billingKind,
                reason: `deployment ${deploymentId} is not registered`,
              },
            ],
          ],
    ),
  );
  return {
    readings: readings.filter(({ deploymentId }) => registered.has(deploymentId)),
    skipped: [...skipped, ...unknown.values()],
  };
}

/**
 * Whether a record that metering made is not what the day comes to. What others have corrected since is theirs: it stays as they
 * said, unless the same resource is metered under another key, where it would be counted twice.
 */
function staleness(readings: readonly MeteredReading[]): (row: UsageRecordRow) => boolean {
  const expected = new Set(
    readings.map(({ deploymentId, observation: { quantity: _quantity, ...key } }) =>
      canonicalJson([deploymentId, key]),
    ),
  );
  const byResource = Map.groupBy(readings, ({ observation: { provider, resourceId } }) =>
    canonicalJson([provider, resourceId]),
  );
  return (row) => {
    const key = keyOfRow(row);
    if (expected.has(canonicalJson([row.deployment_id, key]))) return false;
    if (row.corrected_by === null || row.corrected_by === 'metering') return true;
    const others = byResource.get(canonicalJson([key.provider, key.resourceId])) ?? [];
    return others.some(({ observation }) => intersection(observation.period, key.period) !== null);
  };
}

@CommandHandler(MeteringCommand)
export class MeteringHandler implements ICommandHandler<MeteringCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: MeteringCommand): Promise<CommandDone> {
    if (isCall(call, configureMetering)) return this.configure(call);
    if (isCall(call, runMetering)) return this.run(call);
    throw new Error(`${call.name} is not a command of metering`);
  }

  private async configure(call: CommandCall<z.output<typeof configureMetering.schema>>): Promise<CommandDone> {
    const { billingKind, granularity, retentionDays, from } = call.fields;
    // Of a kind that others meter, retention is all that there is to configure.
    if (!METERED_BILLING_KINDS.includes(billingKind) && retentionDays === undefined)
      throw invalid(
        'unmetered_billing_kind',
        `${billingKind} is not metered from the inventory, and without retentionDays nothing is configured; metered are ${METERED_BILLING_KINDS.join(', ')}`,
        [{ field: 'billingKind', message: 'is not metered from the inventory' }],
      );
    return this.core.book.decide(meteringStream(billingKind), call, () => ({
      events: [
        { type: 'MeteringConfigured', data: { billingKind, granularity, retentionDays: retentionDays ?? null, from } },
      ],
    }));
  }

  /** Meters a UTC day from the inventory as it stood during it, and again only what has changed since. */
  private async run(call: CommandCall<z.output<typeof runMetering.schema>>): Promise<CommandDone> {
    const { date } = call.fields;
    const day = dayOf(instant(`${date}T00:00:00Z`));
    const at = await this.core.projector.catchUp();
    const resources = await timelinesOf(this.core, at, { before: day.end });
    const configured = await this.core.db
      .selectFrom('metering_configurations')
      .selectAll()
      .where(inForceAt(at))
      .execute();
    const configurations = configured.map((row) => ({
      billingKind: row.billing_kind,
      granularity: row.granularity,
      retentionDays: row.retention_days,
      from: row.effective_from,
    }));
    const registered = await this.core.db
      .selectFrom('deployments')
      .select('deployment_id')
      .where(inForceAt(at))
      .execute();
    const { readings, skipped } = withoutUnknown(
      meterDay(day, resources, configurations),
      new Set(registered.map(({ deployment_id }) => deployment_id)),
    );
    // The command's key goes with what is done last, the mark of the day.
    const step = stepOf(call);
    let written = { accepted: 0, corrected: 0, position: null as number | null };
    for (const [deploymentId, group] of Map.groupBy(readings, (reading) => reading.deploymentId)) {
      const done = await writeUsage(
        this.core,
        step,
        deploymentId,
        group.map(({ observation }) => observation),
        'metering',
        're-metered',
      );
      written = {
        accepted: written.accepted + done.accepted,
        corrected: written.corrected + done.corrected,
        position: done.position ?? written.position,
      };
    }
    const withdrawn = await this.withdraw(step, day, readings);
    const result = {
      date,
      count: readings.length,
      accepted: written.accepted,
      corrected: written.corrected + withdrawn.count,
      skipped: skipped.map(({ provider, providerId, reason }) => ({ provider, providerId, reason })),
    };
    const marked = await this.markDay(call, date, readings.length, skipped, result);
    const changed = written.accepted + written.corrected + withdrawn.count > 0 || marked.status === 'done';
    const position = marked.position ?? withdrawn.position ?? written.position;
    return {
      status: changed ? 'done' : 'unchanged',
      ...(position === null ? {} : { position }),
      result,
    };
  }

  /** What was metered for the day and turns out not to have been: another deployment's, another granularity's, or gone. */
  private async withdraw(
    call: CommandCall,
    day: Period,
    readings: readonly MeteredReading[],
  ): Promise<{ count: number; position: number | null }> {
    const { rows } = await this.core.pool.query<UsageRecordRow>(
      "SELECT * FROM usage_records WHERE origin = 'metering' AND position_to IS NULL AND period_start >= $1::timestamptz AND period_start < $2::timestamptz",
      [day.start, day.end],
    );
    const pruned = await fromLog(this.core, await prunedOfMonth(this.core, monthOf(day.start).start));
    rows.push(
      ...pruned.versions.filter(
        (row) => row.origin === 'metering' && row.position_to === null && contains(day, row.period_start),
      ),
    );
    const isStale = staleness(readings);
    let written = { count: 0, position: null as number | null };
    for (const [deploymentId, group] of Map.groupBy(rows.filter(isStale), ({ deployment_id }) => deployment_id)) {
      const month = usageMonth(day.start);
      const done = await this.core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
        const stale = new Set(group.map((row) => canonicalJson(keyOfRow(row))));
        const known = [...(await knownReadings(this.core, deploymentId, group.map(keyOfRow))).values()].flat();
        const metered = known
          .filter(({ last, isWithdrawn }) => !isWithdrawn && stale.has(canonicalJson(keyOfRow(last))) && isStale(last))
          .map(({ last }) => ({ ...keyOfRow(last), quantity: null }));
        return {
          events: packed(metered).map((corrections): LedgerEvent => ({
            type: 'UsageCorrected',
            data: { deploymentId, month, origin: 'metering', corrections, reason: 're-metered' },
          })),
          result: { count: metered.length },
        };
      });
      written = {
        count: written.count + (done.result as { count: number }).count,
        position: done.position ?? written.position,
      };
    }
    return written;
  }

  /** Says that the day was metered, once, and again only where the outcome is another. */
  private async markDay(
    call: CommandCall,
    date: string,
    recordCount: number,
    skipped: readonly { provider: string; providerId: string; kind: string; reason: string }[],
    result: object,
  ): Promise<CommandDone> {
    return this.core.book.decideOnReadModels(METERED_DAYS_STREAM, call, async (position) => {
      const known = await this.core.db
        .selectFrom('metered_days')
        .selectAll()
        .where('date', '=', date)
        .where(inForceAt(position))
        .executeTakeFirst();
      const same = known?.record_count === recordCount && canonicalJson(known.skipped) === canonicalJson(skipped);
      return {
        events: same ? [] : [{ type: 'DayMetered', data: { date, recordCount, skipped: [...skipped] } }],
        result,
      };
    });
  }
}
