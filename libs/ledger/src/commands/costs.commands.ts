import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { z } from 'zod';
import { type CostLine, costStream, zCostLine } from '#domain/costs/cost';
import { conflict, type FieldError, invalid } from '#domain/errors';
import { zId } from '#domain/schema';
import { packed } from '#domain/usage/usage';
import type { CostLineRow } from '#projections/costs/costs.table';
import { canonicalJson, type CommandCall, type CommandDone, defineCommand, isCall } from '../command.js';
import { inForceAt, LedgerCore } from '../ledger-core.js';

const recordCost = defineCommand({
  name: 'record-cost',
  schema: z.strictObject({ provider: zId, invoiceRef: zId, lines: z.array(z.strictObject(zCostLine.shape)).min(1).max(50_000) }),
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
    return this.core.book.decideOnReadModels(costStream(provider, invoiceRef), call, async (position) => {
      const rows = await this.core.db
        .selectFrom('cost_lines')
        .selectAll()
        .where('provider', '=', provider)
        .where('invoice_ref', '=', invoiceRef)
        .where(inForceAt(position))
        .execute();
      const known = new Map(rows.map((row) => [row.line_key, row]));
      assertSame(lines, known);
      const fresh = lines.filter(({ lineKey }) => !known.has(lineKey));
      return {
        events: packed(fresh).map((batch) => ({ type: 'CostRecorded', data: { provider, invoiceRef, lines: batch } })),
        result: { accepted: fresh.length, duplicate: lines.length - fresh.length },
      };
    });
  }
}

function assertKeysOnce(lines: readonly CostLine[]): void {
  const seen = new Set<string>();
  for (const [index, { lineKey }] of lines.entries()) {
    if (seen.has(lineKey))
      throw invalid('duplicate_line_key', `lines[${index}]: the line key ${lineKey} occurs twice`, [{ field: `lines[${index}].lineKey`, message: 'occurs twice' }]);
    seen.add(lineKey);
  }
}

function assertSame(lines: readonly CostLine[], known: ReadonlyMap<string, CostLineRow>): void {
  const errors = lines.flatMap((line, index): FieldError[] => {
    const row = known.get(line.lineKey);
    if (row === undefined || canonicalJson(bodyOf(line)) === canonicalJson(bodyOfRow(row))) return [];
    return [{ field: `lines[${index}]`, message: `line ${line.lineKey} is recorded with another body` }];
  });
  if (errors.length === 0) return;
  const message = `${errors.length} of the lines contradict what is recorded; nothing was appended. ${errors[0]?.message ?? ''}`;
  throw conflict('cost_conflict', message, errors);
}

const bodyOf = (line: CostLine): object => ({ ...line, class: line.class ?? undefined });
const bodyOfRow = (row: CostLineRow): object => ({
  lineKey: row.line_key,
  resourceId: row.resource_id ?? undefined,
  kind: row.kind,
  chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
  amount: row.amount,
  currency: row.currency,
  category: row.category,
  class: row.class ?? undefined,
  tenantId: row.tenant_id ?? undefined,
  effectiveAmount: row.effective_amount ?? undefined,
  description: row.description ?? undefined,
});
