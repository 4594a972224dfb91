import { Controller, Get, Header } from '@nestjs/common';
import { LedgerCore } from '#ledger/ledger-core';
import { sharedRead } from '#postgres/batch-loader';
import { OpenToAll } from './auth/access.js';
import { Telemetry } from './telemetry/telemetry.js';

@Controller('metrics')
export class MetricsController {
  /** The text takes milliseconds to make, and needs no token: who asks at the same time shares it. */
  private readonly text = sharedRead(async () => this.telemetry.metrics.registry.metrics());

  constructor(
    private readonly telemetry: Telemetry,
    core: LedgerCore,
  ) {
    telemetry.metrics.watch(core);
  }

  /** Totals of the process, without data about callers or recorded data. */
  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @OpenToAll()
  async metrics(): Promise<string> {
    return this.text();
  }
}
