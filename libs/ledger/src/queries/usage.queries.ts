import { notFound } from '#domain/errors';
import { decimal, text } from '#domain/money/decimal';
import { zId, zInstant } from '#domain/schema';
import { tenantAt } from '#domain/tenants/deployment';
import { usageRecords, type UsageRecordRow } from '#projections/usage-records/usage-records.table';
import { inForce } from '#read-model/table';
import { inForceAt } from '../ledger-core.js';
import { decodeCursor, defineQuery, pageOf, type QueryContext, READERS, zAsOf, zOptionalId, zOptionalInstant, zPage } from '../query.js';

/** A confined caller sees the usage of deployments that are theirs; another's is as if it did not exist. */
async function visibleDeployments(context: QueryContext, deploymentId: string | undefined): Promise<string[] | null> {
  if (context.confinedTo === null) return deploymentId === undefined ? null : [deploymentId];
  const rows = await context.core.db.selectFrom('deployment_assignments').selectAll().where(inForceAt(context.position)).orderBy('effective_from').execute();
  const own = [...Map.groupBy(rows, ({ deployment_id }) => deployment_id)]
    .filter(([, assigned]) => tenantAt(assigned.map((row) => ({ tenantId: row.tenant_id, from: row.effective_from })), context.caller.now) === context.confinedTo)
    .map(([id]) => id);
  if (deploymentId === undefined) return own;
  if (!own.includes(deploymentId)) throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
  return [deploymentId];
}

const KEY = ['deployment_id', 'billing_kind', 'period_start', 'resource_id', 'period_end', 'granularity', 'provider', 'source_id'] as const;

const usageRecordsQuery = defineQuery({
  name: 'usage-records',
  summary: 'The observations in force: one row per deployment, resource, billing kind, period and granularity',
  params: zPage.extend({ deploymentId: zOptionalId, billingKind: zOptionalId, resourceId: zOptionalId, start: zOptionalInstant, end: zOptionalInstant }),
  roles: READERS,
  async answer(params, context) {
    const deployments = await visibleDeployments(context, params.deploymentId);
    const after = params.cursor === undefined ? null : decodeCursor(params.cursor).after;
    const where =
      '($2::text[] IS NULL OR deployment_id = ANY($2::text[])) AND ($3::text IS NULL OR billing_kind = $3) AND ($4::timestamptz IS NULL OR period_start >= $4)' +
      ' AND ($5::timestamptz IS NULL OR period_start < $5) AND ($6::text IS NULL OR resource_id = $6)' +
      (after === null ? '' : ` AND (${KEY.join(', ')}) > (${KEY.map((column, index) => `$${index + 8}::${usageRecords.columns[column]}`).join(', ')})`);
    const { rows } = await context.core.pool.query<UsageRecordRow>(
      `SELECT * FROM ${inForce(usageRecords, '$1', where)} u ORDER BY ${KEY.join(', ')} LIMIT $7`,
      [
        context.position,
        deployments,
        params.billingKind ?? null,
        params.start ?? null,
        params.end ?? null,
        params.resourceId ?? null,
        params.limit + 1,
        ...(after ?? []),
      ],
    );
    return pageOf(rows, params.limit, context.position, (row) => KEY.map((column) => row[column]), toRecord);
  },
});

const toRecord = (row: UsageRecordRow) => ({
  deploymentId: row.deployment_id,
  provider: row.provider === '' ? null : row.provider,
  resourceId: row.resource_id,
  billingKind: row.billing_kind,
  period: { start: row.period_start, end: row.period_end },
  granularity: row.granularity,
  sourceId: row.source_id === '' ? null : row.source_id,
  quantity: text(decimal(row.quantity)),
  rateKey: row.resource_type === null ? null : { resourceType: row.resource_type, resourceFamily: row.resource_family, location: row.location },
  attributes: row.attributes,
  subAttribution: row.sub_attribution,
  origin: row.origin,
});

const usageQuery = defineQuery({
  name: 'usage',
  summary: 'Quantity by billing kind of one deployment over a period: the shape that a quote takes',
  params: zAsOf.extend({ deploymentId: zId, start: zInstant.optional(), end: zInstant.optional() }),
  roles: READERS,
  async answer(params, context) {
    const deployments = await visibleDeployments(context, params.deploymentId);
    const where =
      'deployment_id = ANY($2::text[]) AND ($3::timestamptz IS NULL OR period_start >= $3) AND ($4::timestamptz IS NULL OR period_start < $4)';
    const { rows } = await context.core.pool.query<{ billing_kind: string; quantity: string }>(
      `SELECT billing_kind, sum(quantity) AS quantity FROM ${inForce(usageRecords, '$1', where)} u GROUP BY billing_kind ORDER BY billing_kind`,
      [context.position, deployments, params.start ?? null, params.end ?? null],
    );
    return Object.fromEntries(rows.map((row) => [row.billing_kind, text(decimal(row.quantity))]));
  },
});

export const usageQueries = [usageRecordsQuery, usageQuery];
