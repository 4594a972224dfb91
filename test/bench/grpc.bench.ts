import { EventStoreDBClient } from '@eventstore/db-client';
import { usageStream } from '#domain/usage/usage';
import { EventStoreDbLog } from '#event-store/eventstoredb';
import { mirrorLog } from '#event-store/mirror';
import { NO_STREAM } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { type Bench, figure, mustBe, timed } from './bench.js';
import { onDatabase } from './database.js';
import { onNode } from './on-node.js';
import { deploymentId, READINGS_PER_EVENT, usageEvent } from './usage-log.js';

/** The bare loop: every event of $all, as the client gives it. */
async function bareReadAll(connectionString: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(connectionString);
  let events = 0;
  for await (const { event } of client.readAll()) if (event !== undefined && !event.type.startsWith('$')) events += 1;
  await client.dispose();
  return events;
}

/** Until the mirror has so many events. They are not read: that is the work of the projections. */
async function arrived(mirror: PostgresLog, events: number): Promise<void> {
  const { signal } = new AbortController();
  for (;;) {
    const { rings } = mirror.bell;
    if ((await mirror.head()) >= events) return;
    await mirror.bell.wait(rings, signal, 20);
  }
}

/** The log behind gRPC: read through our adapter, and mirrored into Postgres, against a bare loop with the client. */
export const grpcBench: Bench = {
  name: 'grpc',
  summary:
    `N readings, packed ${READINGS_PER_EVENT} to an event, read from EventStoreDB and mirrored; against a bare ` +
    `readAll loop with the client`,
  size: 1_000_000,
  bounds: [{ of: 'read', least: 0.8, from: 100_000 }],
  async measure(size, say) {
    return onNode(async (connectionString) =>
      onDatabase(async (_url, pool) => {
        const events = Math.ceil(size / READINGS_PER_EVENT);
        const source = new EventStoreDbLog(connectionString);
        const mirror = new PostgresLog(pool);
        await mirror.migrate();
        for (let n = 0; n < events; n += 1)
          await source.append(usageStream(deploymentId(n), '2026-04'), NO_STREAM, [usageEvent(n)]);
        say(`grpc: ${events} events in EventStoreDB`);
        const bare = await timed(() => bareReadAll(connectionString));
        const read = await timed(async () => {
          let [count, bytes] = [0, 0];
          for await (const { data } of source.readAll(0)) {
            count += 1;
            bytes += data.length;
          }
          return { events: count, bytes };
        });
        mustBe('what both read', read.result.events, bare.result);
        const stopping = new AbortController();
        const mirrored = await timed(async () => {
          const running = mirrorLog(source, mirror, { signal: stopping.signal });
          await arrived(mirror, events);
          stopping.abort();
          await running;
        });
        const { rows } = await pool.query(
          'SELECT count(*)::int AS events, sum(length(data))::int AS bytes FROM ledgerline_log.events',
        );
        mustBe('what is mirrored', rows[0], read.result);
        await mirror.close();
        await source.close();
        const perSecond = (ms: number): number => figure((events * READINGS_PER_EVENT * 1000) / ms);
        return {
          ratios: { read: figure(bare.ms / read.ms), mirror: figure(bare.ms / mirrored.ms) },
          figures: {
            barePerSecond: perSecond(bare.ms),
            readPerSecond: perSecond(read.ms),
            mirroredPerSecond: perSecond(mirrored.ms),
            events,
          },
          checked: true,
        };
      }),
    );
  },
};
