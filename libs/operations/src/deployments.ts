import { z } from 'zod';
import { conflict, type DomainError, notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { zId, zInstant, zText } from '#domain/schema';
import type { Correction } from '#domain/correction';
import {
  type Deployment,
  type DeploymentEvent,
  deploymentStream,
  foldDeployment,
  type StatedOfDeployment,
  tenancies,
  tenantAt,
} from '#domain/tenants/deployment';
import { correctDeployment, foldDeploymentWithout, withHolderOver } from '#domain/tenants/deployment-correction';
import { tenantStream } from '#domain/tenants/tenant';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { overlaps } from '#domain/time/period';
import type { CommandCall, CommandDone } from '#ledger/command';
import { neverWith } from '#ledger/appending/withdrawals';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import type { LedgerCore } from '#ledger/ledger-core';
import { statedOver } from '#ledger/stated';
import { tenantOf } from '#ledger/tenant';
import { corrected } from '#ledger/overtaken';
import {
  assertVisibleDeployment,
  defineQuery,
  idSets,
  pageOfRows,
  type QueryContext,
  READERS,
  visibleTenant,
  zOptionalId,
  zOptionalIds,
  zPage,
} from '#ledger/query';
import { DEPLOYMENT_ORDER, readAssignments, readDeploymentPage } from '#projections/deployments/deployments.read';
import type { DeploymentRow } from '#projections/deployments/deployments.table';
import { listOf, zTimestamp } from './answers.js';
import type { Operations } from './declared.js';
import { assertPlan } from './plans.js';
import { APRIL, MID_APRIL } from './story.js';
import { assertAllCommitted } from './subscription-guards.js';

const registerDeployment = defineCommand({
  name: 'register-deployment',
  summary: 'Registers a deployment of a tenant',
  fields: z.strictObject({ deploymentId: zId, tenantId: zId, name: zText, from: zInstant }),
  key: ({ deploymentId }) => [deploymentId],
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-assignment', 'correct-deployment'] },
  stated: ({ from }, events) => [foldDeployment(events.filter(isDeploymentEvent))?.name, statedHolder(from, events)],
  example: { deploymentId: 'acme-prod', tenantId: 'acme', name: 'Production', from: APRIL.start },
  async handle(call, core) {
    const { deploymentId, tenantId } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      if (events.length > 0)
        throw conflict('deployment_exists', `deployment ${deploymentId} is already registered with a different body`);
      tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
      return { events: [{ type: 'DeploymentRegistered', data: call.fields }] };
    });
  },
});

function statedHolder(from: Instant, events: readonly RecordedEvent[]): string[] {
  const history = events.filter(isDeploymentEvent);
  const facts = history.flatMap(({ type, data }) => (type === 'DeploymentAssigned' ? [data.from] : []));
  return statedOver(foldDeployment(history)?.assignments ?? [], from, facts);
}

const assignDeployment = defineCommand({
  name: 'assign-deployment',
  summary: 'Assigns a deployment to another tenant from an instant on',
  fields: z.strictObject({ deploymentId: zId, tenantId: zId, from: zInstant }),
  key: ({ deploymentId, from }) => [deploymentId, from],
  mistakes: { correctedBy: ['correct-assignment', 'withdraw'] },
  stated: ({ from }, events) => statedHolder(from, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ deploymentId: zId, from: zInstant }),
    async handle(call, core, correction) {
      const { deploymentId, from } = call.fields;
      const unknown = (deployment: Deployment): DomainError => unknownAssignment(deployment, from);
      return withdrawnOfDeployment(core, call, deploymentId, correction, unknown, async (after, history) =>
        assertBillable(core, after, from, history),
      );
    },
  }),
  example: { deploymentId: 'trial', tenantId: 'globex', from: APRIL.end },
  async handle(call, core) {
    const { deploymentId, tenantId, from } = call.fields;
    return core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      const deployment = deploymentOf(events, deploymentId);
      tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
      if (tenantAt(deployment.assignments, from) === tenantId) return { events: [] };
      const assigned = { type: 'DeploymentAssigned', data: { deploymentId, tenantId, from } } as const;
      const history = events.filter(isDeploymentEvent);
      await assertCurrencyOf(core, deployment, tenantId, from);
      await assertAllCommitted(core, foldDeployment([...history, assigned]) ?? deployment, history);
      return { events: [assigned] };
    });
  },
});

const correctAssignment = defineCommand({
  name: 'correct-assignment',
  summary: 'Corrects the tenant of a deployment for a period',
  fields: z.strictObject({
    deploymentId: zId,
    tenantId: zId,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-assignment'] },
  example: {
    deploymentId: 'trial',
    tenantId: 'globex',
    effectiveFrom: MID_APRIL,
    effectiveUntil: APRIL.end,
    reason: 'moved two weeks earlier',
  },
  async handle(call, core) {
    const { deploymentId, tenantId, effectiveFrom: from, effectiveUntil: until = null, reason } = call.fields;
    const statedHolder = { tenantId, from, until };
    const change = async (deployment: Deployment, history: readonly DeploymentEvent[]): Promise<Deployment> => {
      tenantOf(await core.book.load(tenantStream(tenantId)), tenantId);
      const after = withHolderOver(deployment, statedHolder);
      await assertBillable(core, after, from, history);
      return after;
    };
    return correctedDeployment(core, call, deploymentId, { reason }, change, { statedHolder });
  },
});

const correctName = defineCommand({
  name: 'correct-deployment',
  summary: 'Corrects the name of a deployment',
  fields: z.strictObject({ deploymentId: zId, name: zText, reason: zText.min(1) }),
  key: 'body',
  mistakes: { correctedBy: ['correct-deployment'] },
  example: { deploymentId: 'trial', name: 'Trial of Globex', reason: 'a typo' },
  async handle(call, core) {
    const { deploymentId, name, reason } = call.fields;
    return correctedDeployment(core, call, deploymentId, { reason }, (deployment) => ({ ...deployment, name }));
  },
});

/**
 * Corrects a deployment and its subscriptions, unless another correction has overtaken this one. Errors:
 * `unknown_deployment`, `overtaken`.
 */
export const correctedDeployment = async (
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  correction: Correction,
  change: (deployment: Deployment, history: readonly DeploymentEvent[]) => Deployment | Promise<Deployment>,
  stated: StatedOfDeployment = {},
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: deploymentStream(deploymentId), isOf: isDeploymentEvent, saidOf },
    async decide(events) {
      const before = deploymentOf(events, deploymentId);
      return correctDeployment(before, await change(before, events.filter(isDeploymentEvent)), correction, stated);
    },
  });

/**
 * Withdraws a fact of a deployment or of its subscriptions. `unknown`: the refusal if it is not recorded. `check`:
 * refuses what would be left. Errors: `unknown_deployment`, `overtaken`, `subscription_overlap`.
 */
export const withdrawnOfDeployment = async (
  core: LedgerCore,
  call: CommandCall,
  deploymentId: string,
  correction: Correction,
  unknown: (deployment: Deployment) => DomainError,
  check: (after: Deployment, history: readonly DeploymentEvent[]) => Promise<void> = async () => undefined,
): Promise<CommandDone> =>
  corrected(core, call, {
    ...{ stream: deploymentStream(deploymentId), isOf: isDeploymentEvent, saidOf },
    async decide(events) {
      const before = deploymentOf(events, deploymentId);
      const history = events.filter(isDeploymentEvent);
      const never = neverWith(history, correction.withdrawn);
      const after = never === null ? null : foldDeploymentWithout(history, never);
      if (after === null) throw unknown(before);
      await check(after, history);
      return correctDeployment(before, after, correction);
    },
  });

function unknownAssignment({ deploymentId, assignments }: Deployment, from: Instant): DomainError {
  if (assignments[0]?.from === from)
    return conflict(
      'first_assignment',
      `deployment ${deploymentId} begins with its assignment from ${from}: name another tenant with correct-assignment`,
    );
  const isCorrected = assignments.some((each) => each.from === from);
  return notFound(
    'unknown_assignment',
    `deployment ${deploymentId} was not assigned to a tenant from ${from} on` +
      (isCorrected ? ' by assign-deployment: its tenant was corrected. Use correct-assignment' : ''),
  );
}

const saidOf = ({ type, data }: DeploymentEvent): string =>
  type === 'DeploymentCorrected'
    ? `deployment ${data.deploymentId} was corrected: ${data.reason}`
    : `deployment ${data.deploymentId} changed (${type})`;

/**
 * The subscriptions of the deployment continue for the new tenant. Each plan must be in the currency of that tenant
 * from when it is in force for it.
 */
async function assertCurrencyOf(
  core: LedgerCore,
  deployment: Deployment,
  tenantId: string,
  from: Instant,
): Promise<void> {
  await assertCurrencies(core, { ...deployment, assignments: [{ tenantId, from }] }, from);
}

/** From an instant on, each plan must be in the currency of the tenant for whom it is in force. */
async function assertCurrencies(core: LedgerCore, deployment: Deployment, from: Instant): Promise<void> {
  for (const { plans, cancelledAt } of deployment.subscriptions) {
    for (const [index, plan] of plans.entries()) {
      const over = { start: plan.from, end: plans[index + 1]?.from ?? cancelledAt };
      if (over.end !== null && !isBefore(later(from, over.start), over.end)) continue;
      for (const { tenantId, period } of tenancies(deployment.assignments))
        if (overlaps(period, over) && (period.end === null || isBefore(from, period.end)))
          await assertPlan(core, plan.planId, [from, period.start, plan.from].reduce(later), [
            { tenantId, from: period.start },
          ]);
    }
  }
}

/** The currencies of what a deployment has for its tenants: of plans from an instant on, and of commitments. */
async function assertBillable(
  core: LedgerCore,
  after: Deployment,
  from: Instant,
  history: readonly DeploymentEvent[],
): Promise<void> {
  await assertCurrencies(core, after, from);
  await assertAllCommitted(core, after, history);
}

const zDeployment = z
  .object({
    deploymentId: z.string(),
    name: z.string(),
    tenantId: z.string().nullable().describe('The current tenant'),
    assignments: z.array(z.object({ tenantId: z.string(), from: zTimestamp }).meta({ id: 'Assignment' })),
  })
  .meta({ id: 'Deployment' });

export const deployments = defineQuery({
  name: 'deployments',
  summary: 'Deployments, and the tenants that they were assigned to over time',
  path: 'deployments',
  params: zPage.extend({
    deploymentId: zOptionalId,
    deploymentIds: zOptionalIds,
    tenantId: zOptionalId,
    tenantIds: zOptionalIds,
    search: zText
      .min(1)
      .optional()
      .describe('A part of the name or of the id. The case of the letters from a to z does not matter'),
  }),
  roles: READERS,
  answer: listOf(zDeployment),
  example: { tenantId: 'acme' },
  async handle({ deploymentId, deploymentIds, tenantId, tenantIds, search, ...page }, context) {
    const { core, position } = context;
    const visible = await visibleTenant(context, tenantId);
    if (deploymentId !== undefined) await assertVisibleDeployment(context, deploymentId);
    const own = context.confinedTo;
    // Only assignments that the caller may see: the filter must not reveal earlier holders.
    const seen = own === null ? tenantIds : tenantIds?.filter((id) => id === own);
    return pageOfRows({
      order: DEPLOYMENT_ORDER,
      page,
      position,
      read: async (rows) =>
        readDeploymentPage(
          core.db,
          position,
          { ids: idSets(deploymentId, deploymentIds), holders: idSets(visible, seen), search },
          rows,
        ),
      toItems: async (rows) => withAssignments(context, rows),
    });
  },
});

async function withAssignments({ core, position, caller, confinedTo }: QueryContext, rows: readonly DeploymentRow[]) {
  const deploymentIds = rows.map(({ deployment_id }) => deployment_id);
  const assignments = Map.groupBy(
    await readAssignments(core.db, position, { deploymentIds }),
    ({ deployment_id }) => deployment_id,
  );
  return rows.map(({ deployment_id: deploymentId, name }) => {
    const all = (assignments.get(deploymentId) ?? []).map(({ tenant_id: tenantId, effective_from: from }) => ({
      ...{ tenantId, from },
    }));
    const item = { deploymentId, name, tenantId: tenantAt(all, caller.now), assignments: all };
    return confinedTo === null ? item : ownView(item, confinedTo);
  });
}

/** A deployment as one of its tenants may see it: only the assignments to this tenant. */
const ownView = <Item extends { tenantId: string | null; assignments: readonly { tenantId: string; from: Instant }[] }>(
  item: Item,
  own: string,
): Item => ({
  ...item,
  tenantId: item.tenantId === own ? own : null,
  assignments: item.assignments.filter((each) => each.tenantId === own),
});

export const deploymentOperations: Operations = {
  commands: [registerDeployment, assignDeployment, correctAssignment, correctName],
  queries: [deployments],
};
