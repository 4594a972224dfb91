import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestEnds } from '../request-ends.js';
import type { Measuring } from '#ledger/measured';
import { Metrics } from './metrics.js';
import { Tracing } from './tracing.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Metrics always; traces where a collector is named. */
@Injectable()
export class Telemetry implements Measuring, OnApplicationShutdown {
  readonly metrics = new Metrics();
  private readonly tracing: Tracing | null;

  constructor(otlpEndpoint: string | undefined) {
    this.tracing = otlpEndpoint === undefined ? null : new Tracing(otlpEndpoint, 'ledgerline-api');
  }

  attach(fastify: Fastify, ends: RequestEnds): void {
    this.metrics.attach(fastify, ends);
    this.tracing?.attach(fastify, ends);
  }

  append<Result>(of: { stream: string; events: number; bytes: number }, work: () => Promise<Result>): Promise<Result> {
    return this.metrics.append(of, () => (this.tracing === null ? work() : this.tracing.append(of, work)));
  }

  catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.metrics.catchUp(() => (this.tracing === null ? work() : this.tracing.catchUp(work)));
  }

  async onApplicationShutdown(): Promise<void> {
    this.metrics.registry.clear();
    await this.tracing?.close();
  }
}
