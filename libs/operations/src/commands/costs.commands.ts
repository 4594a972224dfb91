import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { type CostLine, zCostLine } from '#domain/costs/cost';
import { invalid } from '#domain/errors';
import { zId } from '#domain/schema';
import { type CommandCall, type CommandDone, defineCommand, isCall } from '#ledger/command';
import { writeCosts } from '#billing/costs/cost-writer';
import { LedgerCore } from '#ledger/ledger-core';

const recordCost = defineCommand({
  name: 'record-cost',
  schema: z.strictObject({
    provider: zId,
    invoiceRef: zId,
    lines: z.array(z.strictObject(zCostLine.shape)).min(1).max(50_000),
  }),
  key: 'none',
});

export const costCommands = [recordCost];

export class CostCommand extends Command<CommandDone> {
  constructor(readonly call: CommandCall) {
    super();
  }
}

@CommandHandler(CostCommand)
export class CostHandler implements ICommandHandler<CostCommand> {
  constructor(private readonly core: LedgerCore) {}

  async execute({ call }: CostCommand): Promise<CommandDone> {
    if (!isCall(call, recordCost)) throw new Error(`${call.name} is not a command of costs`);
    const { provider, invoiceRef, lines } = call.fields;
    assertKeysOnce(lines);
    const { status, position, accepted, duplicate } = await writeCosts(this.core, call, {
      provider,
      invoiceRef,
      lines,
    });
    return { status, ...(position === undefined ? {} : { position }), result: { accepted, duplicate } };
  }
}

function assertKeysOnce(lines: readonly CostLine[]): void {
  const seen = new Set<string>();
  for (const [index, { lineKey }] of lines.entries()) {
    if (seen.has(lineKey))
      throw invalid('duplicate_line_key', `lines[${index}]: the line key ${lineKey} occurs twice`, [
        { field: `lines[${index}].lineKey`, message: 'occurs twice' },
      ]);
    seen.add(lineKey);
  }
}
