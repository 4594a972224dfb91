import { z } from 'zod';
import { canonicalJson } from '#domain/canonical-json';
import { type CostLine, zCostLine } from '#domain/costs/cost';
import { invalid } from '#domain/errors';
import { shaped, zId, zText } from '#domain/schema';
import { bodyOfRow, decideOnCostLine, unknownCost, writeCosts } from '#billing/costs/cost-writer';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';

const recordCost = defineCommand({
  name: 'record-cost',
  summary: 'Records lines of a provider invoice',
  fields: z.strictObject({
    provider: zId,
    invoiceRef: zId,
    lines: z.array(z.strictObject(zCostLine.shape)).min(1).max(50_000),
  }),
  key: 'none',
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-cost', 'withdraw'] },
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ provider: zId, invoiceRef: zId, lineKey: zId }),
    async handle(call, core, { reason }) {
      return decideOnCostLine(core, call, call.fields, ({ isWithdrawn }) => {
        if (isWithdrawn) throw unknownCost(call.fields);
        return [{ type: 'CostWithdrawn', data: { ...call.fields, reason } }];
      });
    },
  }),
  example: {
    provider: 'digitalocean',
    invoiceRef: '2026-04',
    lines: [
      {
        lineKey: '1',
        resourceId: 'droplet-1',
        kind: 'droplet',
        chargePeriod: APRIL,
        amount: '3.00',
        currency: 'USD',
        category: 'usage',
      },
    ],
  },
  async handle(call, core) {
    const { provider, invoiceRef, lines } = call.fields;
    assertKeysOnce(lines);
    const written = await writeCosts(core, call, { provider, invoiceRef, lines });
    const { status, position, accepted, duplicate, superseded } = written;
    const result = { accepted, duplicate, ...noticeOf(superseded) };
    return { status, ...(position === undefined ? {} : { position }), result };
  },
});

/** Lines are recorded again that were corrected or withdrawn. */
function noticeOf([first, ...others]: readonly string[]): { notice?: string } {
  if (first === undefined) return {};
  const lines = others.length === 0 ? `line ${first}` : `line ${first} and ${others.length} more`;
  return {
    notice:
      `${lines}: recorded and then corrected or withdrawn. Nothing was recorded of it now. ` +
      'To correct a line again, use correct-cost.',
  };
}

const { lineKey, kind, chargePeriod, amount, currency, category, ...others } = zCostLine.shape;

const correctCost = defineCommand({
  name: 'correct-cost',
  summary: 'Corrects a line of a provider invoice. Absent fields stay, null removes a value. A withdrawn line is back',
  fields: z.strictObject({
    ...{ provider: zId, invoiceRef: zId, lineKey },
    ...z.object({ kind, chargePeriod, amount, currency, category }).partial().shape,
    resourceId: others.resourceId.nullable(),
    class: others.class,
    tenantId: others.tenantId.nullable(),
    effectiveAmount: others.effectiveAmount.nullable(),
    description: others.description.nullable(),
    focus: others.focus.nullable(),
    reason: zText.min(1),
  }),
  key: 'body',
  mistakes: { correctedBy: ['correct-cost'] },
  example: { provider: 'digitalocean', invoiceRef: '2026-04', lineKey: '1', amount: '3.50', reason: 'a typo' },
  async handle(call, core) {
    const { provider, invoiceRef, reason, ...changes } = call.fields;
    const stated = Object.entries(changes).filter(([, value]) => value !== undefined);
    return decideOnCostLine(core, call, { provider, invoiceRef, lineKey: changes.lineKey }, ({ last, isWithdrawn }) => {
      if (stated.length === 1 && !isWithdrawn)
        throw invalid('nothing_to_correct', 'correct-cost: give at least one field of the line');
      const before = bodyOfRow(last);
      const after = { ...before, ...Object.fromEntries(stated.map(([field, value]) => [field, value ?? undefined])) };
      if (!isWithdrawn && canonicalJson(after) === canonicalJson(before)) return [];
      const line = shaped(zCostLine, after, 'correct-cost');
      return [{ type: 'CostCorrected', data: { provider, invoiceRef, lines: [line], reason } }];
    });
  },
});

function assertKeysOnce(lines: readonly CostLine[]): void {
  const seen = new Set<string>();
  for (const [index, { lineKey }] of lines.entries()) {
    if (seen.has(lineKey))
      throw invalid('duplicate_line_key', `lines[${index}]: duplicate lineKey ${lineKey}`, [
        { field: `lines[${index}].lineKey`, message: 'is a duplicate' },
      ]);
    seen.add(lineKey);
  }
}

export const costOperations: Operations = {
  commands: [recordCost, correctCost],
};
