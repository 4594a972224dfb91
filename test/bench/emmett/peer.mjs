// `peer.mjs URL N`: N readings as Emmett has them, an event each, a hundred to an append, four appends at a time, with an inline
// projection that inserts each append's rows at once into a table with the same key. Tells what it took, and what is there.
import { rawSql } from '@event-driven-io/dumbo';
import { projections } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore, postgreSQLRawBatchSQLProjection } from '@event-driven-io/emmett-postgresql';

const EVENTS_PER_APPEND = 100;
const APPENDS_AT_ONCE = 4;
const [url, size] = process.argv.slice(2);
const readings = Number(size);

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const usageRecords = postgreSQLRawBatchSQLProjection({
  name: 'usage_records',
  canHandle: ['UsageObserved'],
  evolve: (events) => [
    rawSql(
      `INSERT INTO peer_usage_records VALUES ${events
        .map(({ data }) => `(${[data.deploymentId, data.billingKind, data.start, data.resourceId, data.end, data.granularity, data.provider].map(quoted).join(', ')}, ${data.quantity})`)
        .join(', ')}`,
    ),
  ],
  init: () =>
    rawSql(
      'CREATE TABLE IF NOT EXISTS peer_usage_records (deployment_id text, billing_kind text, period_start timestamptz, resource_id text, period_end timestamptz,' +
        ' granularity text, provider text, quantity numeric, PRIMARY KEY (deployment_id, billing_kind, period_start, resource_id, period_end, granularity, provider))',
    ),
});
const store = getPostgreSQLEventStore(url, { projections: projections.inline([usageRecords]) });
await store.schema.migrate();

const day = (n) => `2026-04-${String(n).padStart(2, '0')}T00:00:00Z`;
const event = (n) => ({
  type: 'UsageObserved',
  data: {
    deploymentId: `deployment-${Math.floor(n / 1000)}`,
    billingKind: 'droplet_hours',
    start: day((n % 10) + 1),
    resourceId: String(400_000_000 + Math.floor(n / 10)),
    end: day((n % 10) + 2),
    granularity: 'day',
    provider: 'digitalocean',
    quantity: String(24 - (Math.floor(n / 10) % 2)),
  },
});

let next = 0;
const start = performance.now();
await Promise.all(
  Array.from({ length: APPENDS_AT_ONCE }, async () => {
    while (next < readings) {
      const from = next;
      next += EVENTS_PER_APPEND;
      await store.appendToStream(`usage-${from}`, Array.from({ length: Math.min(EVENTS_PER_APPEND, readings - from) }, (_, index) => event(from + index)));
    }
  }),
);
process.stdout.write(JSON.stringify({ ms: performance.now() - start }));
await store.close();
