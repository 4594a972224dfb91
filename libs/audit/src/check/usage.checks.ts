import { allLines } from '#billing/invoices/contracts';
import { prunedBesideLines } from '#billing/retention/pruned-beside-lines';
import { fromLog } from '#billing/usage/pruned-usage';
import { lastReading, unbilledUsage } from '#billing/retention/unbilled';
import { lastDailyJob } from '#domain/metering/metering';
import { readChangedDays } from '#projections/metering/metering.read';
import { readResourcesWithoutUsage, readUsageOnSeveralLines } from '#projections/usage-records/usage-history.read';
import { type Check, type Finding } from './finding.js';

/** Each reading is on one line of an item, or listed as unbilled, or waived. It is never on two lines. */
const twice: Check = async (context) => {
  const { core, position } = context;
  const until = await lastReading(context);
  if (until === null) return [];
  const lines = await allLines(core, position, until);
  const rows = await readUsageOnSeveralLines(
    core.db,
    position,
    lines.map(({ period, ...line }) => ({ ...line, ...period })),
    await prunedBesideLines(core, position, lines),
  );
  return rows.map(
    ({ deployment_id: deploymentId, billing_kind: billingKind, line_ids: lineIds, readings }): Finding => ({
      code: 'usage_on_two_lines',
      message: `${readings} readings of ${deploymentId} (${billingKind}) are on several lines: ${lineIds.join(', ')}`,
      ids: { deploymentId, billingKind, lineIds, readings },
      remedy:
        'Two subscriptions or tenants hold the deployment at the same time: see query subscriptions,' +
        ' then cancel one or assign the deployment.',
    }),
  );
};

/**
 * What changes a metered day marks it, and metering it again ends the mark. The daily job does so: a mark that stays
 * after the job was due is a failure, and a newer one a notice.
 */
const changedDays =
  (stays: boolean): Check =>
  async ({ core, position, caller }) => {
    const days = await readChangedDays(core.db, position, { dates: null });
    if (days.length === 0) return [];
    const atLastJob = await core.log.positionAt(lastDailyJob(caller.now));
    return days
      .filter(({ marked_at: markedAt }) => markedAt <= atLastJob === stays)
      .map(({ date, marked_at: markedAt, causes }) => ({
        code: 'metered_day_changed',
        message: `The inventory of ${date} changed after it was metered: ${causes.join('; ')}`,
        ids: { date, markedAt, causes },
        remedy: `Meter it again: ledgerline meter --date ${date}. The daily job does so at 01:10 UTC.`,
      }));
  };

const unbilled: Check = async (context) =>
  (await unbilledUsage(context)).map(({ deploymentId, billingKind, reason, readings, quantity, period }) => ({
    code: 'usage_unbilled',
    message:
      `${quantity} ${billingKind} of ${deploymentId} are on no invoice:` +
      ` ${reason === 'no_subscription' ? 'it had no subscription then' : 'its plan has no such item'}`,
    ids: { deploymentId, billingKind, reason, readings, quantity, period },
    remedy:
      reason === 'no_subscription'
        ? 'Start a subscription that covers it, or waive-usage.'
        : 'Publish the plan with the item, or waive-usage.',
  }));

/** Resources of deployments without any recorded usage, also not in a pruned month of the deployment. */
const idle: Check = async ({ core, position }) => {
  const found = await readResourcesWithoutUsage(core.db, position);
  const deploymentIds = [...new Set(found.map(({ deployment_id }) => deployment_id))];
  const months = await core.usage.prunedMonths(
    deploymentIds.map((deploymentId) => ({ deploymentId, billingKind: null, start: null, end: null })),
  );
  const { versions } = await fromLog(core, months);
  const keyOf = (deploymentId: string, resourceId: string): string => JSON.stringify([deploymentId, resourceId]);
  const recorded = new Set(
    versions.filter(({ position_to }) => position_to === null).map((row) => keyOf(row.deployment_id, row.resource_id)),
  );
  return found
    .filter((row) => !recorded.has(keyOf(row.deployment_id, row.provider_id)))
    .map(({ provider, provider_id: providerId, kind, deployment_id: deploymentId }): Finding => ({
      code: 'resource_without_usage',
      message: `no usage was ever recorded of ${kind} ${providerId} of ${provider}, in deployment ${deploymentId}`,
      ids: { provider, providerId, kind, deploymentId },
      remedy:
        'Meter the days since it was first seen (ledgerline meter), or map its kind:' +
        ' a kind without a billing kind is not metered.',
    }));
};

export const USAGE: readonly Check[] = [twice, changedDays(true)];
export const USAGE_NOTICES: readonly Check[] = [changedDays(false), unbilled, idle];
