import { z } from 'zod';
import { type CostLine, zCostLine } from '#domain/costs/cost';
import { invalid } from '#domain/errors';
import { zId } from '#domain/schema';
import { writeCosts } from '#billing/costs/cost-writer';
import { defineCommand } from '#ledger/define-command';
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
  mistakes: { correctedBy: ['record-cost'] },
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
    const { status, position, accepted, duplicate } = await writeCosts(core, call, { provider, invoiceRef, lines });
    return { status, ...(position === undefined ? {} : { position }), result: { accepted, duplicate } };
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
  commands: [recordCost],
};
