import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { notFound } from '#domain/errors';
import { zDecimal, zId, zText } from '#domain/schema';
import { deploymentStream, tenantAt } from '#domain/tenants/deployment';
import type { Period } from '#domain/time/period';
import { usageMonth, usageStream, zObservation, zReadingKey } from '#domain/usage/usage';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { confinedTo } from '#ledger/caller';
import { ambiguousProvider, fitting, keyOfRow, knownReadings } from '#billing/usage/known-usage';
import { LedgerCore } from '#ledger/ledger-core';
import { basisOf, overtaken } from '#ledger/overtaken';
import { namedReading, namings, writeUsage } from '#billing/usage/usage-writer';
import { deploymentOf } from '#ledger/deployment';

const observeUsage = defineCommand({
  name: 'observe-usage',
  schema: z.strictObject({
    deploymentId: zId,
    observations: z.array(z.strictObject(zObservation.shape)).min(1).max(10_000),
  }),
  key: 'none',
});
const correctUsage = defineCommand({
  name: 'correct-usage',
  schema: z.strictObject({
    deploymentId: zId,
    ...zReadingKey.shape,
    quantity: zDecimal.nullable(),
    reason: zText.min(1),
  }),
  key: 'body',
});

export const usageCommands = [observeUsage, correctUsage];

export class UsageCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(UsageCommand)
export class UsageHandler implements ICommandHandler<UsageCommand> {
  /** Deployments that were found: what is registered once, stays so. */
  private readonly registered = new Set<string>();

  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: UsageCommand): Promise<CommandDone> {
    if (isCall(call, observeUsage)) return this.observe(call);
    if (isCall(call, correctUsage)) return this.correct(call);
    throw new Error(`${call.name} is not a command of usage`);
  }

  private async observe(call: CommandCall<z.output<typeof observeUsage.schema>>): Promise<CommandDone> {
    const { deploymentId, observations } = call.fields;
    await this.assertDeployment(call, deploymentId, observations);
    const { position, ...counts } = await writeUsage(this.core, call, deploymentId, observations, 'command');
    // A known reading whose provider is named now is known all the same.
    if (position === null || counts.accepted + counts.corrected === 0) return { status: 'unchanged', result: counts };
    return { status: 'done', position, result: counts };
  }

  private async correct(call: CommandCall<z.output<typeof correctUsage.schema>>): Promise<CommandDone> {
    const { deploymentId, quantity, reason, ...key } = call.fields;
    await this.assertDeployment(call, deploymentId, [key]);
    const month = usageMonth(key.period.start);
    const basis = await basisOf(this.core, call);
    return this.core.book.decideOnReadModels(usageStream(deploymentId, month), call, async () => {
      const readings = [...(await knownReadings(this.core, deploymentId, [key])).values()].flat();
      const candidates = fitting(readings, key.provider ?? '');
      if (candidates.length > 1) throw ambiguousProvider('correct-usage', 'provider', key.resourceId, candidates);
      const [known] = candidates;
      if (known === undefined)
        throw notFound(
          'unknown_usage',
          `there is no ${key.billingKind} of ${key.resourceId} over [${key.period.start}, ${key.period.end}) to correct`,
        );
      const { last, isWithdrawn, holder } = known;
      if ((isWithdrawn ? null : last.quantity) === quantity) return { events: [] };
      const changedAt = last.position_to ?? last.position_from;
      if (changedAt > basis)
        throw overtaken(
          call,
          basis,
          `it ${isWithdrawn ? 'was withdrawn' : `became ${last.quantity}`} (position ${changedAt}; query events after=${changedAt - 1} says by whom)`,
        );
      const named = holder === '' && key.provider !== undefined ? [namedReading(key, key.provider)] : [];
      const correction = { ...keyOfRow(last), quantity };
      return {
        events: [
          ...namings(deploymentId, month, named),
          {
            type: 'UsageCorrected',
            data: { deploymentId, month, origin: 'command', corrections: [correction], reason },
          },
        ],
      };
    });
  }

  /** An ingest token appends what its own tenant used: readings of when the deployment was theirs. Another's is as if it did not exist. */
  private async assertDeployment(
    call: CommandCall,
    deploymentId: string,
    readings: readonly { readonly period: Period }[],
  ): Promise<void> {
    const tenantId = confinedTo(call.caller);
    if (tenantId === null && this.registered.has(deploymentId)) return;
    const { assignments } = deploymentOf(await this.core.book.load(deploymentStream(deploymentId)), deploymentId);
    this.registered.add(deploymentId);
    if (tenantId !== null && readings.some(({ period }) => tenantAt(assignments, period.start) !== tenantId))
      throw notFound('unknown_deployment', `deployment ${deploymentId} is not registered`);
  }
}
