import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { DomainLedger } from './runner/domain.js';
import { parseScenario } from './runner/parse.js';
import { StackLedger } from './runner/stack.js';
import { type Billed, figuresText, tell } from './runner/tell.js';

/** Jest runs in the root of the repository. */
const STORIES = globSync('test/scenarios/*.ledger').sort();

describe.each(STORIES)('%s', (file) => {
  const text = readFileSync(file, 'utf8');

  it('has the figures of the engine', async () => {
    expect((await tell(parseScenario(file, text), new DomainLedger())).differences).toEqual([]);
  });

  it('has the figures of the whole stack, equal to the engine row by row', async () => {
    const stack = await StackLedger.start();
    try {
      const steps = parseScenario(file, text);
      const told = await tell(steps, stack);
      expect(told.differences).toEqual([]);
      expect(told.bills.map(shown)).toEqual((await tell(steps, new DomainLedger())).bills.map(shown));
      await stack.expectReplayToBeLive();
    } finally {
      await stack.close();
    }
  });
});

/** All figures of an invoice, in one order; its id is each ledger's own. */
function shown({ invoice, quarantined }: Billed): object {
  if (invoice === null) return { quarantined };
  const { invoiceId: _id, rows, ...header } = invoice;
  return { ...header, quarantined, rows: rows.map(figuresText).sort() };
}
