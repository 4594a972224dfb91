import { Counter, Gauge, Histogram } from 'prom-client';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerMetrics, SECONDS } from '#runtime/telemetry/ledger-metrics';
import type { RequestEnds } from '../request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Metrics for Prometheus: those of the ledger, and those of requests. */
export class Metrics extends LedgerMetrics {
  private readonly requests = new Histogram({
    name: 'ledgerline_http_request_duration_seconds',
    help: 'Time from the arrival of a request to its response, by route',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly underWay = new Gauge({
    name: 'ledgerline_http_requests_under_way',
    help: 'Requests being processed',
    registers: [this.registry],
  });
  readonly shed = new Counter({
    name: 'ledgerline_http_requests_shed_total',
    help: 'Requests refused with 503 or 429 because too many were processed at the same time',
    registers: [this.registry],
  });
  readonly ingested = new Counter({
    name: 'ledgerline_ingested_total',
    help: 'Readings sent to POST /usage, by result',
    labelNames: ['status'] as const,
    registers: [this.registry],
  });

  /** Measures every request. */
  attach(fastify: Fastify, ends: RequestEnds): void {
    fastify.addHook('onRequest', (_request, _reply, done) => {
      this.underWay.inc();
      done();
    });
    ends.onEnd((request, reply) => {
      this.underWay.dec();
      const route = request.routeOptions.url ?? 'none';
      this.requests.observe(
        { method: request.method, route, status: String(reply.statusCode) },
        reply.elapsedTime / 1000,
      );
    });
  }
}
