import type { Seller } from '#domain/invoices/parties';
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, DiscoveryModule } from '@nestjs/core';
import type { Logger } from 'pino';
import type { FourEyes } from '#domain/proposals/proposal';
import type { UsageYears } from '#domain/usage/usage-span';
import type { EventStoreSettings } from '#runtime/environment';
import type { TokenRules } from '#runtime/token';
import { LedgerModule } from '#operations/ledger.module';
import { AccessGuard } from './auth/access.guard.js';
import { Arrivals } from './auth/arrivals.js';
import { TokenReader } from './auth/token.js';
import type { Connections } from './connections.js';
import { CLOCK, type Clock } from './clock.js';
import { CommandsController } from './commands.http.js';
import { ConsoleController } from './console/console.http.js';
import type { Crowd } from './crowd.js';
import { CommandsResolver } from './graphql/commands.graphql.js';
import { graphQl } from './graphql/graphql.module.js';
import { QueryFields } from './graphql/query-fields.js';
import { SubscriptionsResolver } from './graphql/subscriptions.graphql.js';
import type { PlacesOfRequests } from './places.js';
import { Turns } from './graphql/turns.js';
import { Failures } from './failures.js';
import { HealthController } from './health.http.js';
import { IngestController } from './ingest.http.js';
import { MetricsController } from './metrics.http.js';
import { OpenApiController } from './openapi/openapi.http.js';
import { ProblemFilter } from './problem.filter.js';
import { QueriesController } from './queries.http.js';
import { QueryLimits } from './query-limits.js';
import { Routes } from './routes.js';
import { type Signing, SIGNING, TokensController } from './tokens.http.js';
import { Telemetry } from './telemetry/telemetry.js';

export interface AppOptions {
  readonly databaseUrl: string;
  readonly readUrls?: readonly string[];
  readonly eventStore?: EventStoreSettings;
  readonly seller?: string;
  readonly sellerDetails?: Seller;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly tokens: TokenReader;
  readonly arrivals: Arrivals;
  readonly crowd: Crowd;
  readonly placesOf: PlacesOfRequests;
  readonly failures: Failures;
  readonly connections: Connections;
  readonly queryTimeoutMs: number;
  readonly usageYears?: UsageYears;
  readonly fourEyes?: FourEyes;
  readonly jwtSecret: string;
  readonly tokenRules?: TokenRules;
}

type LedgerSettings = Pick<
  AppOptions,
  | 'databaseUrl'
  | 'readUrls'
  | 'eventStore'
  | 'seller'
  | 'sellerDetails'
  | 'logger'
  | 'telemetry'
  | 'queryTimeoutMs'
  | 'usageYears'
  | 'fourEyes'
>;

/** While the read models of this version are being built, the API runs and reports that it is not ready. */
const ledgerModule = ({
  databaseUrl,
  readUrls,
  eventStore,
  seller,
  sellerDetails,
  logger,
  telemetry,
  queryTimeoutMs,
  usageYears,
  fourEyes,
}: LedgerSettings): DynamicModule =>
  LedgerModule.forRoot({
    databaseUrl,
    ...(readUrls === undefined ? {} : { readUrls }),
    ...(eventStore === undefined ? {} : { eventStore }),
    ...(seller === undefined ? {} : { seller }),
    ...(sellerDetails === undefined ? {} : { sellerDetails }),
    ...(usageYears === undefined ? {} : { usageYears }),
    ...(fourEyes === undefined ? {} : { fourEyes }),
    measuring: telemetry,
    statementTimeoutMs: queryTimeoutMs,
    whenOutdated: 'serve',
    report: (message) => {
      logger.info(message);
    },
  });

/** Provides the clock and the reader of tokens. */
@Module({})
class AccessModule {}

@Module({})
export class AppModule {
  static forRoot({
    tokens,
    arrivals,
    crowd,
    placesOf,
    failures,
    connections,
    logger,
    clock,
    telemetry,
    ...settings
  }: AppOptions): DynamicModule {
    const ledger = ledgerModule({ ...settings, logger, telemetry });
    const signing: Signing = { secret: settings.jwtSecret, rules: settings.tokenRules ?? {} };
    const access: DynamicModule = {
      module: AccessModule,
      providers: [
        { provide: CLOCK, useValue: clock },
        { provide: TokenReader, useValue: tokens },
        { provide: Arrivals, useValue: arrivals },
        { provide: SIGNING, useValue: signing },
        { provide: Failures, useValue: failures },
        { provide: QueryLimits, useValue: new QueryLimits(settings.queryTimeoutMs) },
      ],
      exports: [CLOCK, SIGNING, TokenReader, Arrivals, Failures, QueryLimits],
    };
    return {
      module: AppModule,
      imports: [
        DiscoveryModule,
        ledger,
        access,
        graphQl([ledger, access], { failures, turns: new Turns(crowd), placesOf, connections }),
      ],
      controllers: [
        QueriesController,
        CommandsController,
        TokensController,
        IngestController,
        HealthController,
        MetricsController,
        OpenApiController,
        ConsoleController,
      ],
      providers: [
        Routes,
        { provide: Telemetry, useFactory: () => telemetry },
        QueryFields,
        CommandsResolver,
        SubscriptionsResolver,
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useFactory: () => new ProblemFilter(failures) },
      ],
    };
  }
}
