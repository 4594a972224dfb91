import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { correctPrice, foldPlan, type PlanEvent, planStream, type PlanVersion, publishPlan } from '#domain/plans/plan';
import { zPrice } from '#domain/prices/price';
import { zId, zInstant, zText } from '#domain/schema';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '../command.js';
import { LedgerCore } from '../ledger-core.js';
import { zPublishedPlan } from '../published-plan.js';
import { isPlanEvent } from './deployments.commands.js';

const publishPlanCommand = defineCommand({
  name: 'publish-plan',
  schema: zPublishedPlan,
  key: ({ planId, effectiveFrom }) => [planId, effectiveFrom],
});
const correctPriceCommand = defineCommand({
  name: 'correct-price',
  schema: z.strictObject({
    planId: zId,
    billingKind: zId,
    filter: z.record(z.string(), z.string()).optional(),
    price: zPrice,
    effectiveFrom: zInstant,
    effectiveUntil: zInstant.optional(),
    reason: zText.min(1),
  }),
  key: 'body',
});

export const planCommands = [publishPlanCommand, correctPriceCommand];

export class PlanCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(PlanCommand)
export class PlanHandler implements ICommandHandler<PlanCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: PlanCommand): Promise<CommandDone> {
    if (isCall(call, publishPlanCommand)) return this.decide(call, call.fields.planId, (versions) => publishPlan(versions, call.fields));
    if (isCall(call, correctPriceCommand)) {
      const { effectiveUntil, filter, ...fields } = call.fields;
      const input = { ...fields, effectiveUntil: effectiveUntil ?? null, ...(filter === undefined ? {} : { filter }) };
      return this.decide(call, fields.planId, (versions) => correctPrice(versions, input));
    }
    throw new Error(`${call.name} is not a command of plans`);
  }

  private async decide(call: CommandCall, planId: string, decision: (versions: readonly PlanVersion[]) => PlanEvent[]): Promise<CommandDone> {
    return this.core.book.decide(planStream(planId), call, (events) => ({ events: decision(foldPlan(events.filter(isPlanEvent))) }));
  }
}
