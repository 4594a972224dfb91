import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import {
  correctPrice,
  foldPlan,
  itemKey,
  type PlanEvent,
  planStream,
  type PlanVersion,
  priceCorrectionStretch,
  publishPlan,
} from '#domain/plans/plan';
import type { RecordedEvent } from '#domain/events';
import { zPrice } from '#domain/prices/price';
import { zId, zInstant, zText } from '#domain/schema';
import { type OpenPeriod, overlaps, periodText } from '#domain/time/period';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';
import { assertNotOvertaken, basisOf } from '#ledger/overtaken';
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
    if (isCall(call, publishPlanCommand))
      return this.decide(call, call.fields.planId, (versions) => publishPlan(versions, call.fields));
    if (isCall(call, correctPriceCommand)) {
      const { effectiveUntil, filter, ...fields } = call.fields;
      const input = { ...fields, effectiveUntil: effectiveUntil ?? null, ...(filter === undefined ? {} : { filter }) };
      const basis = await basisOf(this.core, call);
      return this.decide(call, fields.planId, (versions, history) => {
        const corrected = correctPrice(versions, input);
        const meant = priceCorrectionStretch(foldPlan(history.filter(({ position }) => position <= basis)), input);
        if (corrected.length > 0)
          assertNotOvertaken(call, basis, history, (other) => saidOf(other, itemKey(input), meant));
        return corrected;
      });
    }
    throw new Error(`${call.name} is not a command of plans`);
  }

  private async decide(
    call: CommandCall,
    planId: string,
    decision: (versions: readonly PlanVersion[], history: readonly RecordedPlanEvent[]) => PlanEvent[],
  ): Promise<CommandDone> {
    return this.core.book.decide(planStream(planId), call, (events) => {
      const history = events.filter(isPlanEvent);
      return { events: decision(foldPlan(history), history) };
    });
  }
}

type RecordedPlanEvent = Extract<RecordedEvent, PlanEvent>;

/** What an event says of an item's price over a stretch; null: nothing. */
function saidOf({ type, data }: RecordedPlanEvent, item: string, meant: OpenPeriod): string | null {
  const stretch = { start: data.effectiveFrom, end: type === 'PlanPublished' ? null : data.effectiveUntil };
  if (!overlaps(stretch, meant)) return null;
  if (type === 'PlanPublished') return `plan ${data.planId} was published from ${data.effectiveFrom} on`;
  return itemKey(data) === item
    ? `the price of ${data.billingKind} in plan ${data.planId} was corrected over ${periodText(stretch)}`
    : null;
}
