import pMap from 'p-map';
import { z } from 'zod';
import { conflict, type DomainError, invalid } from '#domain/errors';
import { METERED_DAYS_STREAM } from '#domain/metering/metering';
import { zId, zInstant } from '#domain/schema';
import { type Instant, isBefore } from '#domain/time/instant';
import { monthNamed } from '#domain/time/period';
import { usageMonth, usageStream } from '#domain/usage/usage';
import { type CommandCall, type CommandDone, stepOf } from '#ledger/command';
import { defineCommand } from '#ledger/define-command';
import type { LedgerCore } from '#ledger/ledger-core';
import { zMonth } from '#ledger/month';
import { contextFor } from '#ledger/query';
import { type Kept, type Prunable, retentionOf } from '#billing/retention/retention';
import type { Operations } from './declared.js';
import { MID_APRIL } from './story.js';

const DEPLOYMENTS_AT_ONCE = { concurrency: 32 };
/** This many kept records are named. Of more, only the number is reported. */
const MOST_NAMED = 20;

/** The result of prune-usage. */
export const zPruned = z.object({
  month: z.string(),
  records: z.int(),
  deployments: z.int(),
  kept: z.array(z.object({ message: z.string() })),
  keptCount: z.int(),
});

/**
 * Prunes one deployment after another. After an interruption, the same command continues. Errors: `usage_in_use`,
 * `retention_not_over`, if nothing can be pruned.
 */
const pruneUsage = defineCommand({
  name: 'prune-usage',
  summary: 'Deletes the raw usage records of a month after their retention',
  fields: z.strictObject({ month: zMonth, at: zInstant, deploymentId: zId.optional() }),
  key: 'none',
  fourEyes: 'nothing',
  mistakes: { final: 'It removes raw records from the read models. The log keeps every reading.' },
  example: { month: '2026-04', at: MID_APRIL },
  async handle(call, core) {
    const { month, at, deploymentId } = call.fields;
    if (isBefore(call.caller.now, at))
      throw invalid('not_yet', `prune-usage: at ${at} is in the future`, [
        { field: 'at', message: 'is in the future' },
      ]);
    const context = contextFor(core, await core.projector.catchUp(), call.caller);
    const { prunable, kept } = await retentionOf(context, month, at, deploymentId ?? null);
    const name = usageMonth(month.start);
    if (prunable.length === 0 && kept.length > 0) throw refusal(name, kept);
    const deployments = [...Map.groupBy(prunable, (each) => each.deploymentId)];
    const done = await pMap(
      deployments,
      async ([id, records]) => pruneOne(core, stepOf(call), id, { month: name, records, at }),
      DEPLOYMENTS_AT_ONCE,
    );
    const pruned = done.filter(({ status }) => status === 'done');
    const result = {
      month: name,
      records: pruned.reduce((total, { records }) => total + records, 0),
      deployments: pruned.length,
      ...keptShown(kept),
    };
    // The last append records the key of the command.
    const last = await core.book.decide(METERED_DAYS_STREAM, call, () => ({ events: [], result }));
    const position = Math.max(...pruned.map((each) => each.position ?? 0));
    return pruned.length === 0 ? last : { status: 'done', position, result };
  },
});

interface PrunedOne extends CommandDone {
  readonly records: number;
}

async function pruneOne(
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  { month, records, at }: { readonly month: string; readonly records: readonly Prunable[]; readonly at: Instant },
): Promise<PrunedOne> {
  const whole = monthNamed(month);
  const spans = records.map(({ billingKind }) => ({ deploymentId, billingKind, ...whole }));
  let pruned = 0;
  const done = await core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
    const gone = new Set((await core.usage.prunedMonths(spans)).map(({ billingKind }) => billingKind));
    const left = records.filter(({ billingKind }) => !gone.has(billingKind));
    const billingKinds = left.map(({ billingKind }) => billingKind);
    pruned = left.reduce((total, each) => total + each.records, 0);
    return {
      events:
        billingKinds.length === 0 ? [] : [{ type: 'UsagePruned', data: { deploymentId, month, billingKinds, at } }],
    };
  });
  return { ...done, records: pruned };
}

const keptShown = (kept: readonly Kept[]) => ({ kept: kept.slice(0, MOST_NAMED), keptCount: kept.length });

function refusal(month: string, kept: readonly Kept[]): DomainError {
  const inUse = kept.filter(({ reason }) => reason !== 'retention');
  if (inUse.length === 0) return conflict('retention_not_over', refusalText(month, kept));
  const errors = inUse.flatMap(({ invoiceIds, message }) =>
    invoiceIds.map((invoiceId) => ({ field: `invoices.${invoiceId}`, message })),
  );
  return conflict('usage_in_use', refusalText(month, inUse), errors);
}

function refusalText(month: string, kept: readonly Kept[]): string {
  const shown = kept.slice(0, MOST_NAMED).map(({ message }) => message);
  const more = kept.length > shown.length ? `; and ${kept.length - shown.length} more` : '';
  return `no raw usage records of ${month} can be pruned: ${shown.join('; ')}${more}`;
}

export const retentionOperations: Operations = {
  commands: [pruneUsage],
};
