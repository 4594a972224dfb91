import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { conflict } from '#domain/errors';
import { PROJECTIONS_STREAM } from '#domain/operations/skip';
import { zText } from '#domain/schema';
import { ProjectionHalted } from '#read-model/projector';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { LedgerCore } from '#ledger/ledger-core';

const skipEvent = defineCommand({
  name: 'skip-event',
  schema: z.strictObject({ position: z.int().positive(), reason: zText.min(1) }),
  key: ({ position }) => [position],
});

export const projectionCommands = [skipEvent];

export class ProjectionCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(ProjectionCommand)
export class ProjectionHandler implements ICommandHandler<ProjectionCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: ProjectionCommand): Promise<CommandDone> {
    if (!isCall(call, skipEvent)) throw new Error(`${call.name} is not a command of the projections`);
    const { position, reason } = call.fields;
    return this.core.book.decide(PROJECTIONS_STREAM, call, async () => {
      await this.assertHaltedAt(position);
      for await (const { id, type } of this.core.log.readAt([position]))
        return { events: [{ type: 'EventSkipped', data: { position, eventId: id, type, reason } }] };
      throw conflict('not_halted', `there is no event at position ${position}`);
    });
  }

  /** An event that takes effect can't be taken back by leaving it out; one that has not been tried may well be applied. */
  private async assertHaltedAt(position: number): Promise<void> {
    try {
      await this.core.projector.catchUp();
    } catch (error) {
      if (!(error instanceof ProjectionHalted)) throw error;
      if (error.position === position) return;
      throw conflict(
        'not_halted',
        `the projections stand at position ${error.position}, not at ${position}: ${error.message}`,
      );
    }
    throw conflict(
      'not_halted',
      `the projections do not stand at position ${position}: only an event that can't be applied is skipped; to undo one, append its correction`,
    );
  }
}
