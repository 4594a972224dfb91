import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerTelemetry } from '#runtime/telemetry/ledger-telemetry';
import type { RequestEnds } from '../request-ends.js';
import { Metrics } from './metrics.js';
import { Tracing } from './tracing.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

@Injectable()
export class Telemetry extends LedgerTelemetry<Metrics, Tracing> implements OnApplicationShutdown {
  constructor(otlpEndpoint: string | undefined) {
    super(new Metrics(), otlpEndpoint === undefined ? null : new Tracing(otlpEndpoint, 'ledgerline-api'));
  }

  attach(fastify: Fastify, ends: RequestEnds): void {
    this.metrics.attach(fastify, ends);
    this.tracing?.attach(fastify, ends);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}
