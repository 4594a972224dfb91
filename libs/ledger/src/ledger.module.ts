import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type pg from 'pg';
import { EventStoreDbLog } from '#event-store/eventstoredb';
import { MirroredLog } from '#event-store/mirrored';
import type { EventLog } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { createPool } from '#postgres/pool';
import { projections } from '#projections/index';
import { Projector } from '#read-model/projector';
import { HANDLERS } from './commands/index.js';
import { LedgerCore } from './ledger-core.js';
import { Ledger, LedgerQueryHandler } from './ledger.js';
import { MeasuredLog, MeasuredProjecting, type Measuring } from './measured.js';

export interface LedgerOptions {
  readonly databaseUrl: string;
  /** `esdb://…`: EventStoreDB is the log, and Postgres holds its mirror; else Postgres is the log. */
  readonly eventStoreUrl?: string;
  readonly applicationName?: string;
  /** After how long a statement is given up, in milliseconds; never, unless given. Who waits for a lock is not meant. */
  readonly statementTimeoutMs?: number;
  /** Told of appends and of waiting for the read models. */
  readonly measuring?: Measuring;
}

const SCHEMA = 'ledgerline';
const OPENED = Symbol('opened ledger');

interface Opened {
  readonly core: LedgerCore;
  readonly pools: readonly pg.Pool[];
  readonly log: EventLog;
}

/** The read models were made by other versions of the projections: they must be built anew before anything is asked of them. */
class OutdatedReadModels extends Error {
  override readonly name = 'OutdatedReadModels';
  constructor() {
    super('the read models were made by another version of the projections; use that version, or drop the schema ledgerline: it is built anew from the log');
  }
}

async function open(options: LedgerOptions): Promise<Opened> {
  const named = options.applicationName === undefined ? {} : { applicationName: options.applicationName };
  const bounded = options.statementTimeoutMs === undefined ? {} : { statementTimeoutMs: options.statementTimeoutMs };
  const pool = createPool(options.databaseUrl, { schema: SCHEMA, ...named, ...bounded });
  const locks = createPool(options.databaseUrl, { max: 4, ...named });
  try {
    const postgres = new PostgresLog(pool);
    await postgres.migrate();
    const log: EventLog = options.eventStoreUrl === undefined ? postgres : new MirroredLog(new EventStoreDbLog(options.eventStoreUrl), postgres);
    const projector = new Projector(log, pool, projections, SCHEMA);
    if (!(await projector.prepare())) throw new OutdatedReadModels();
    const trialPool = (): pg.Pool => createPool(options.databaseUrl, { schema: SCHEMA, max: 1, idleTimeoutMs: 0, ...named });
    const { measuring } = options;
    const [used, projecting] = measuring === undefined ? [log, projector] : [new MeasuredLog(log, measuring), new MeasuredProjecting(projector, measuring)];
    const core = new LedgerCore(used, projecting, pool, { locks, trialPool });
    await core.details.migrate();
    return { core, pools: [pool, locks], log };
  } catch (error) {
    await Promise.all([pool.end(), locks.end()]);
    throw error;
  }
}

@Module({})
export class LedgerModule implements OnApplicationShutdown {
  constructor(@Inject(OPENED) private readonly opened: Opened) {}

  static forRoot(options: LedgerOptions): DynamicModule {
    return {
      module: LedgerModule,
      imports: [CqrsModule.forRoot()],
      providers: [
        { provide: OPENED, useFactory: () => open(options) },
        { provide: LedgerCore, useFactory: ({ core }: Opened) => core, inject: [OPENED] },
        Ledger,
        LedgerQueryHandler,
        ...HANDLERS,
      ],
      exports: [Ledger, LedgerCore],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.opened.log.close();
    await Promise.all(this.opened.pools.map(async (pool) => pool.end()));
  }
}
