import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestEnds } from '../request-ends.js';
import type { Measuring } from '#ledger/measured';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How far the log and the read models are: looked at when metrics are asked for. */
export interface Standing {
  readonly head: number;
  readonly position: number;
}

/** Figures for Prometheus. A registry of each application's own: several may run in one process. */
export class Metrics implements Measuring {
  readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'ledgerline_http_request_duration_seconds',
    help: 'From a request’s arrival to its answer, by route: never by what is in it',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly underWay = new Gauge({ name: 'ledgerline_http_requests_under_way', help: 'Requests that are being answered', registers: [this.registry] });
  private readonly appends = new Histogram({
    name: 'ledgerline_append_duration_seconds',
    help: 'From the decision to the log’s answer, waiting for others included',
    labelNames: ['outcome'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly appendsWaiting = new Gauge({ name: 'ledgerline_appends_under_way', help: 'Appends that the log has not answered', registers: [this.registry] });
  private readonly batches = new Histogram({ name: 'ledgerline_append_events', help: 'Events of one append', buckets: [1, 2, 5, 10, 50, 100, 500, 1000], registers: [this.registry] });
  private readonly bytes = new Histogram({ name: 'ledgerline_append_bytes', help: 'Characters of data and metadata of one append', buckets: [1e3, 1e4, 1e5, 5e5, 1e6], registers: [this.registry] });
  private readonly catchUps = new Histogram({ name: 'ledgerline_catch_up_duration_seconds', help: 'How long the read models were waited for', buckets: SECONDS, registers: [this.registry] });
  readonly ingested = new Counter({ name: 'ledgerline_ingested_total', help: 'Readings sent to POST /usage, by what became of them', labelNames: ['status'] as const, registers: [this.registry] });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** `standing` is asked for at each scrape; where it can't be told, the gauges say so by their absence. */
  watch(standing: () => Promise<Standing>): void {
    // The three are of one moment: they are collected at once.
    let asked: Promise<Standing | null> | undefined;
    const now = (): Promise<Standing | null> =>
      (asked ??= standing()
        .catch(() => null)
        .finally(() => {
          asked = undefined;
        }));
    const gauge = (name: string, help: string, of: (at: Standing) => number): Gauge =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          const at = await now();
          if (at === null) this.remove();
          else this.set(of(at));
        },
      });
    gauge('ledgerline_head_position', 'The position of the log’s last event', ({ head }) => head);
    gauge('ledgerline_projected_position', 'The position of the last event that is projected', ({ position }) => position);
    gauge('ledgerline_projection_lag_events', 'Events that are recorded and not projected yet', ({ head, position }) => head - position);
  }

  /** Times every request. */
  attach(fastify: Fastify, ends: RequestEnds): void {
    fastify.addHook('onRequest', (_request, _reply, done) => {
      this.underWay.inc();
      done();
    });
    ends.tell((request, reply) => {
      this.underWay.dec();
      const route = request.routeOptions.url ?? 'none';
      this.requests.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    });
  }

  async append<Result>({ events, bytes }: { events: number; bytes: number }, work: () => Promise<Result>): Promise<Result> {
    this.batches.observe(events);
    this.bytes.observe(bytes);
    this.appendsWaiting.inc();
    const end = this.appends.startTimer();
    try {
      const result = await work();
      end({ outcome: 'appended' });
      return result;
    } catch (error) {
      end({ outcome: error instanceof Error ? error.name : 'failed' });
      throw error;
    } finally {
      this.appendsWaiting.dec();
    }
  }

  async catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = this.catchUps.startTimer();
    try {
      return await work();
    } finally {
      end();
    }
  }
}
