import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { conflict, notFound } from '#domain/errors';
import type { RecordedEvent } from '#domain/events';
import { foldPlan, planAt, type PlanEvent, planStream } from '#domain/plans/plan';
import { zId, zInstant, zPeriod, zText } from '#domain/schema';
import {
  type Assignment,
  cancelSubscription,
  changePlan,
  type Deployment,
  type DeploymentEvent,
  deploymentStream,
  foldDeployment,
  startSubscription,
  type Subscription,
  tenantAt,
} from '#domain/tenants/deployment';
import { tenantStream } from '#domain/tenants/tenant';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { deploymentOf, isDeploymentEvent } from '#ledger/deployment';
import { LedgerCore } from '#ledger/ledger-core';
import { assertTenant } from './tenants.commands.js';

const registerDeployment = defineCommand({
  name: 'register-deployment',
  schema: z.strictObject({ deploymentId: zId, tenantId: zId, name: zText, from: zInstant }),
  key: ({ deploymentId }) => [deploymentId],
});
const assignDeployment = defineCommand({
  name: 'assign-deployment',
  schema: z.strictObject({ deploymentId: zId, tenantId: zId, from: zInstant }),
  key: ({ deploymentId, from }) => [deploymentId, from],
});
const startSubscriptionCommand = defineCommand({
  name: 'start-subscription',
  schema: z.strictObject({
    subscriptionId: zId,
    deploymentId: zId,
    planId: zId,
    from: zInstant,
    anchor: zInstant.optional(),
  }),
  key: ({ subscriptionId }) => [subscriptionId],
});
const changePlanCommand = defineCommand({
  name: 'change-plan',
  schema: z.strictObject({ subscriptionId: zId, planId: zId, at: zInstant }),
  key: ({ subscriptionId, at }) => [subscriptionId, at],
});
const cancelSubscriptionCommand = defineCommand({
  name: 'cancel-subscription',
  schema: z.strictObject({ subscriptionId: zId, at: zInstant }),
  key: ({ subscriptionId, at }) => [subscriptionId, at],
});

const waiveUsage = defineCommand({
  name: 'waive-usage',
  schema: z.strictObject({ deploymentId: zId, billingKind: zId, period: zPeriod, reason: zText.min(1) }),
  key: ({ deploymentId, billingKind, period }) => [deploymentId, billingKind, period.start, period.end],
});

export const deploymentCommands = [
  registerDeployment,
  assignDeployment,
  startSubscriptionCommand,
  changePlanCommand,
  cancelSubscriptionCommand,
  waiveUsage,
];

export class DeploymentCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

type Call<Definition extends { schema: z.ZodType }> = CommandCall<z.output<Definition['schema']>>;

@CommandHandler(DeploymentCommand)
export class DeploymentHandler implements ICommandHandler<DeploymentCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: DeploymentCommand): Promise<CommandDone> {
    if (isCall(call, registerDeployment)) return this.register(call);
    if (isCall(call, assignDeployment)) return this.assign(call);
    if (isCall(call, startSubscriptionCommand)) return this.start(call);
    if (isCall(call, changePlanCommand))
      return this.onSubscription(call, call.fields, async (subscription, deployment) => {
        const { planId, at } = call.fields;
        await this.assertPlan(planId, at, deployment.assignments);
        return changePlan(subscription, planId, at);
      });
    if (isCall(call, cancelSubscriptionCommand))
      return this.onSubscription(call, call.fields, (subscription) => cancelSubscription(subscription, call.fields.at));
    if (isCall(call, waiveUsage)) return this.waive(call);
    throw new Error(`${call.name} is not a command of deployments`);
  }

  private async register(call: Call<typeof registerDeployment>): Promise<CommandDone> {
    const { deploymentId, tenantId } = call.fields;
    return this.core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      if (events.length > 0)
        throw conflict('deployment_exists', `deployment ${deploymentId} is registered already, with another body`);
      assertTenant(await this.core.book.load(tenantStream(tenantId)), tenantId);
      return { events: [{ type: 'DeploymentRegistered', data: call.fields }] };
    });
  }

  private async assign(call: Call<typeof assignDeployment>): Promise<CommandDone> {
    const { deploymentId, tenantId, from } = call.fields;
    return this.core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      const deployment = deploymentOf(events, deploymentId);
      const tenant = await this.core.book.load(tenantStream(tenantId));
      assertTenant(tenant, tenantId);
      if (tenantAt(deployment.assignments, from) === tenantId) return { events: [] };
      await this.assertCurrencyOf(deployment, tenantId, from);
      return { events: [{ type: 'DeploymentAssigned', data: { deploymentId, tenantId, from } }] };
    });
  }

  /** Its subscriptions go on for the new tenant: each plan, from when it is in force for them, must be in that tenant's currency. */
  private async assertCurrencyOf(deployment: Deployment, tenantId: string, from: Instant): Promise<void> {
    const running = deployment.subscriptions.filter(
      ({ cancelledAt }) => cancelledAt === null || isBefore(from, cancelledAt),
    );
    for (const { plans } of running) {
      for (const [index, plan] of plans.entries()) {
        const until = plans[index + 1]?.from;
        if (until === undefined || isBefore(from, until))
          await this.assertPlan(plan.planId, later(from, plan.from), [{ tenantId, from }]);
      }
    }
  }

  private async start(call: Call<typeof startSubscriptionCommand>): Promise<CommandDone> {
    const { subscriptionId, deploymentId, planId, from, anchor } = call.fields;
    return this.core.exclusively(`subscription:${subscriptionId}`, async () =>
      this.core.book.decide(deploymentStream(deploymentId), call, async (events) => {
        const deployment = foldDeployment(events.filter(isDeploymentEvent));
        const elsewhere = await this.deploymentOfSubscription(subscriptionId);
        if (elsewhere !== undefined)
          throw conflict(
            'subscription_exists',
            `subscription ${subscriptionId} exists already, of deployment ${elsewhere}`,
          );
        const decided = startSubscription(deployment, {
          subscriptionId,
          deploymentId,
          planId,
          from,
          anchor: anchor ?? null,
        });
        await this.assertPlan(planId, from, deployment?.assignments ?? []);
        return { events: decided };
      }),
    );
  }

  /** What nothing covers yet, and is not going to be billed: it is listed as unbilled no more. What covers it later bills it all the same. */
  private async waive(call: Call<typeof waiveUsage>): Promise<CommandDone> {
    const { deploymentId } = call.fields;
    return this.core.book.decide(deploymentStream(deploymentId), call, (events) => {
      deploymentOf(events, deploymentId);
      return { events: [{ type: 'UsageWaived', data: call.fields }] };
    });
  }

  private async onSubscription(
    call: CommandCall,
    { subscriptionId }: { subscriptionId: string },
    decide: (subscription: Subscription, deployment: Deployment) => DeploymentEvent[] | Promise<DeploymentEvent[]>,
  ): Promise<CommandDone> {
    const deploymentId = await this.deploymentOfSubscription(subscriptionId);
    if (deploymentId === undefined)
      throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
    return this.core.book.decide(deploymentStream(deploymentId), call, async (events) => {
      const deployment = deploymentOf(events, deploymentId);
      const subscription = deployment.subscriptions.find((each) => each.subscriptionId === subscriptionId);
      if (subscription === undefined)
        throw notFound('unknown_subscription', `there is no subscription ${subscriptionId}`);
      return { events: await decide(subscription, deployment) };
    });
  }

  private async deploymentOfSubscription(subscriptionId: string): Promise<string | undefined> {
    const { events } = await this.core.tail.read();
    const started = events.find(
      (event) => event.type === 'SubscriptionStarted' && event.data.subscriptionId === subscriptionId,
    );
    if (started?.type === 'SubscriptionStarted') return started.data.deploymentId;
    const row = await this.core.db
      .selectFrom('subscriptions')
      .select('deployment_id')
      .where('subscription_id', '=', subscriptionId)
      .executeTakeFirst();
    return row?.deployment_id;
  }

  /** The plan is published for that instant, in the currency of the tenant who then holds the deployment. */
  private async assertPlan(planId: string, at: Instant, assignments: readonly Assignment[]): Promise<void> {
    const tenantId = tenantAt(assignments, at);
    const [plan, tenant] = await Promise.all(
      [planStream(planId), ...(tenantId === null ? [] : [tenantStream(tenantId)])].map((stream) =>
        this.core.book.load(stream),
      ),
    );
    const versions = foldPlan((plan ?? []).filter(isPlanEvent));
    if (versions.length === 0) throw notFound('unknown_plan', `plan ${planId} is not published`);
    const version = planAt(versions, at);
    if (version === undefined)
      throw notFound('plan_not_in_force', `plan ${planId} has no terms at ${at}: publish it from then on`);
    const registered = tenant?.find((event) => event.type === 'TenantRegistered');
    if (registered?.type === 'TenantRegistered' && registered.data.currency !== version.currency) {
      throw conflict(
        'currency_mismatch',
        `plan ${planId} is in ${version.currency}, tenant ${tenantId} pays in ${registered.data.currency}: nothing is converted`,
      );
    }
  }
}

export const isPlanEvent = (event: RecordedEvent): event is Extract<RecordedEvent, PlanEvent> =>
  event.type === 'PlanPublished' || event.type === 'PlanPriceCorrected';
