import { EventStoreDBClient } from '@eventstore/db-client';
import type pg from 'pg';
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

interface Contents {
  readonly events: number;
  readonly bytes: number;
}

async function readWith(source: EventStoreDbLog): Promise<Contents> {
  let [events, bytes] = [0, 0];
  for await (const { data } of source.readAll(0)) {
    events += 1;
    bytes += data.length;
  }
  return { events, bytes };
}

/** Until a new mirror has so many events. They are not read: that is the work of the projections. */
async function mirroredInto(
  pool: pg.Pool,
  schema: string,
  { source, events }: { source: EventStoreDbLog; events: number },
): Promise<{ ms: number; result: unknown }> {
  const mirror = new PostgresLog(pool, { schema });
  await mirror.migrate();
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = Promise.withResolvers<void>();
  const { ms } = await timed(async () => {
    running.resolve(mirrorLog(source, mirror, { signal }));
    for (;;) {
      const { rings } = mirror.bell;
      if ((await mirror.head()) >= events) return;
      await mirror.bell.wait(rings, signal, 20);
    }
  });
  stopping.abort();
  await running.promise;
  const { rows } = await pool.query(
    `SELECT count(*)::int AS events, sum(length(data))::int AS bytes FROM ${schema}.events`,
  );
  await mirror.close();
  await pool.query(`DROP SCHEMA ${schema} CASCADE`);
  return { ms, result: rows[0] };
}

const TURNS = 3;

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
        for (let n = 0; n < events; n += 1)
          await source.append(usageStream(deploymentId(n), '2026-04'), NO_STREAM, [usageEvent(n)]);
        say(`grpc: ${events} events in EventStoreDB`);
        const total = { bare: 0, read: 0, mirrored: 0 };
        // In turns: what else the machine does falls on each of them.
        for (let turn = 0; turn < TURNS; turn += 1) {
          const bare = await timed(() => bareReadAll(connectionString));
          const mirrored = await mirroredInto(pool, `mirror_${turn}`, { source, events });
          const read = await timed(() => readWith(source));
          mustBe('what both read', read.result.events, bare.result);
          mustBe('what is mirrored', mirrored.result, read.result);
          total.bare += bare.ms;
          total.read += read.ms;
          total.mirrored += mirrored.ms;
        }
        await source.close();
        const perSecond = (ms: number): number => figure((TURNS * events * READINGS_PER_EVENT * 1000) / ms);
        return {
          ratios: { read: figure(total.bare / total.read), mirror: figure(total.bare / total.mirrored) },
          figures: {
            barePerSecond: perSecond(total.bare),
            readPerSecond: perSecond(total.read),
            mirroredPerSecond: perSecond(total.mirrored),
            events,
          },
          checked: true,
        };
      }),
    );
  },
};
