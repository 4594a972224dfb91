import { z } from 'zod';
import { notFound } from '#domain/errors';
import { zId } from '#domain/schema';
import { isUuid } from '#domain/uuid';
import { lineViews, lineWithParts } from '#billing/invoices/line-views';
import { netText } from '#billing/invoices/rated-lines';
import { defineQuery, type QueryContext, READERS, visibleTenant, zAsOf, zAt, zOptionalId, zPage } from '#ledger/query';
import { isEverHeld, readDeploymentOfSubscription } from '#projections/deployments/deployments.read';
import { readLinesById } from '#projections/invoice-lines/invoice-lines.read';
import { listOf, zFilter, zMoney, zQuantity, zQuarantine, zRow, zSpan } from './answers.js';
import type { Operations } from './declared.js';
import { LINE, MID_APRIL } from './story.js';

const zLine = z
  .object({
    lineId: z.string(),
    parentLineId: z.string().nullable().describe('For a part: the line that was split'),
    status: z.enum(['valid', 'split']),
    invoiceId: z.string().nullable(),
    tenantId: z.string(),
    subscriptionId: z.string(),
    deploymentId: z.string(),
    billingKind: z.string(),
    filter: zFilter,
    currency: z.string(),
    period: zSpan,
    quantity: zQuantity,
    rows: z.array(zRow),
    net: zMoney,
    quarantine: zQuarantine.nullable(),
  })
  .meta({ id: 'Line' });
const zLineWithParts = z
  .object({
    ...zLine.shape,
    parts: z.array(zLine).optional().describe('The parts of a split line'),
    partsNet: zMoney.optional().describe('The total of its parts'),
  })
  .meta({ id: 'LineWithParts' });

export const lines = defineQuery({
  name: 'lines',
  summary: 'Invoice lines and their parts: billed ones as frozen, open ones as rated up to now (`at`)',
  path: 'lines',
  params: zPage.extend({
    tenantId: zOptionalId,
    subscriptionId: zOptionalId,
    billingKind: zOptionalId,
    status: z.enum(['valid', 'split']).optional(),
    billed: z
      .enum(['true', 'false'])
      .optional()
      .describe('`true`: only lines and parts on an invoice or a draft. `false`: only those on none'),
    /** `true`: only lines that can't be rated. `false`: only lines that can. */
    quarantined: z.enum(['true', 'false']).optional(),
    ...zAt,
  }),
  roles: READERS,
  answer: listOf(zLine),
  cost: 5,
  example: { subscriptionId: 'acme-sub', at: MID_APRIL },
  async handle({ tenantId, subscriptionId, billingKind, status, billed, quarantined, at, ...page }, context) {
    if (subscriptionId !== undefined) await assertVisibleSubscription(context, subscriptionId);
    const asked = {
      tenantId: await visibleTenant(context, tenantId),
      ...{ subscriptionId, billingKind, status },
      isBilled: billed === undefined ? undefined : billed === 'true',
      isQuarantined: quarantined === undefined ? undefined : quarantined === 'true',
      at: at ?? context.caller.now,
    };
    return lineViews(context, asked, page);
  },
});

export const line = defineQuery({
  name: 'line',
  summary: 'One line or part. A split line includes its parts',
  path: 'lines/:id',
  params: zAsOf.extend({ id: zId, ...zAt }),
  roles: READERS,
  answer: zLineWithParts,
  example: { id: LINE, at: MID_APRIL },
  async handle({ id, at }, context) {
    const of = { ...(await ownerOf(context, id)), at: at ?? context.caller.now };
    const [found, ...parts] = await lineWithParts(context, of, id);
    if (found === undefined) throw notFound('unknown_line', `there is no line ${id}`);
    if (found.status === 'valid') return found;
    return { ...found, parts, partsNet: netText(parts, found.currency) };
  },
});

async function assertVisibleSubscription({ core, confinedTo }: QueryContext, subscriptionId: string): Promise<void> {
  const deploymentId = await readDeploymentOfSubscription(core.db, subscriptionId);
  const isVisible =
    deploymentId !== undefined && (confinedTo === null || (await isEverHeld(core.db, deploymentId, confinedTo)));
  if (!isVisible) throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
}

/**
 * The tenant and subscription of a line that was opened. A line that is only derived so far is searched in all that the
 * caller may see.
 */
async function ownerOf(
  { core, position, confinedTo }: QueryContext,
  id: string,
): Promise<{ tenantId: string | null; subscriptionId?: string }> {
  const [row] = isUuid(id) ? await readLinesById(core.db, position, [id]) : [];
  if (row === undefined && isUuid(id)) return { tenantId: confinedTo };
  if (row === undefined || (confinedTo !== null && row.tenant_id !== confinedTo))
    throw notFound('unknown_line', `there is no line ${id}`);
  return { tenantId: row.tenant_id, subscriptionId: row.subscription_id };
}

export const lineOperations: Operations = {
  queries: [lines, line],
};
