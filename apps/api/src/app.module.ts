import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import type { Logger } from 'pino';
import { LedgerModule } from '#ledger/ledger.module';
import { AuditController } from './audit.http.js';
import { AccessGuard } from './auth/access.guard.js';
import { TokenReader } from './auth/token.js';
import { CLOCK, type Clock } from './clock.js';
import { CommandsController } from './commands.http.js';
import { ConsoleController } from './console/console.http.js';
import { DashboardController } from './dashboard.http.js';
import { HealthController } from './health.http.js';
import { InventoryController } from './inventory.http.js';
import { InvoicesController } from './invoices.http.js';
import { OpenApiController } from './openapi/openapi.http.js';
import { PlansController } from './plans.http.js';
import { ProblemFilter } from './problem.filter.js';
import { RatesController } from './rates.http.js';
import { Routes } from './routes.js';
import { UsageController } from './usage.http.js';

export interface AppOptions {
  readonly databaseUrl: string;
  readonly eventStoreUrl?: string;
  readonly jwtSecret: string;
  readonly jwksUrl?: string;
  readonly seller?: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

@Module({})
export class AppModule {
  static forRoot({ databaseUrl, eventStoreUrl, jwtSecret, jwksUrl, seller, logger, clock }: AppOptions): DynamicModule {
    const ledger = { databaseUrl, ...(eventStoreUrl === undefined ? {} : { eventStoreUrl }), ...(seller === undefined ? {} : { seller }) };
    return {
      module: AppModule,
      imports: [DiscoveryModule, LedgerModule.forRoot(ledger)],
      controllers: [
        UsageController,
        RatesController,
        InvoicesController,
        DashboardController,
        InventoryController,
        PlansController,
        AuditController,
        CommandsController,
        HealthController,
        OpenApiController,
        ConsoleController,
      ],
      providers: [
        Routes,
        { provide: CLOCK, useValue: clock },
        { provide: TokenReader, useFactory: () => new TokenReader(jwtSecret, jwksUrl) },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useFactory: () => new ProblemFilter(logger) },
      ],
    };
  }
}
