/**
 * Sends usage to Ledgerline, reads it back, and shows its price so far:
 *
 *   LEDGERLINE_URL=http://127.0.0.1:3000 LEDGERLINE_TOKEN=… node example.js acme-prod
 */
import { Ledgerline } from './ledgerline.js';
import { everyItem, LedgerlineProblem } from './runtime.js';

const { LEDGERLINE_URL: url = '', LEDGERLINE_TOKEN: token = '' } = process.env;
const [deploymentId = 'acme-prod'] = process.argv.slice(2);
const ledgerline = new Ledgerline({ url, token });

try {
  const reading = {
    deploymentId,
    resourceId: 'gw-7',
    billingKind: 'gateway',
    granularity: 'hour' as const,
    quantity: '3',
    period: { start: '2026-04-05T10:00:00Z', end: '2026-04-05T11:00:00Z' },
  };
  const event = {
    specversion: '1.0' as const,
    id: 'e-1',
    source: 'gw-7',
    type: 'gateway',
    subject: deploymentId,
    time: '2026-04-05T11:30:00Z',
    data: { quantity: '2' },
  };
  const sent = await ledgerline.ingest([reading, event]);
  console.log(`sent: ${sent.accepted} accepted, ${sent.duplicate} already known`);

  // Once more, as after a lost response: nothing is counted twice.
  const again = await ledgerline.ingest([reading, event]);
  console.log(`again: ${again.accepted} accepted, ${again.duplicate} already known`);

  const waitFor = sent.position ?? undefined;
  for await (const record of everyItem((cursor) =>
    ledgerline.usageRecords({ deploymentId, limit: 1, cursor, waitFor }),
  ))
    console.log(`${record.billingKind} of ${record.resourceId} from ${record.period.start}: ${record.quantity}`);

  const usage = await ledgerline.usage({ deploymentId });
  const quote = await ledgerline.quote({ planId: 'standard', usage });
  console.log(`price under the plan standard: ${quote.total} ${quote.currency}`);
  await ledgerline.usage({ deploymentId: 'nobody' });
} catch (error) {
  if (!(error instanceof LedgerlineProblem)) throw error;
  console.log(`refused: ${error.status} ${error.code}: ${error.message}`);
}
