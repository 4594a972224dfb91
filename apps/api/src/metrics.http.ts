import { Controller, Get, Header } from '@nestjs/common';
import { LedgerCore } from '#ledger/ledger-core';
import { OpenToAll } from './auth/access.js';
import { Telemetry } from './telemetry/telemetry.js';

@Controller('metrics')
export class MetricsController {
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
  metrics(): Promise<string> {
    return this.telemetry.metrics.registry.metrics();
  }
}
