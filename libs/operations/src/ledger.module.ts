import { setTimeout as delay } from 'node:timers/promises';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type pg from 'pg';
import { MirroredLog } from '#event-store/mirrored';
import type { EventLog } from '#event-store/port';
import { PostgresLog } from '#event-store/postgres';
import { sharedRead } from '#postgres/batch-loader';
import { reason } from '#postgres/errors';
import { stoppable } from '#postgres/stoppable';
import { createPool, type PoolOptions } from '#postgres/pool';
import { isPooled } from '#postgres/session';
import { addressIn } from '#postgres/url';
import { projections } from '#projections/index';
import { Projector } from '#read-model/projector';
import { versionsOf } from '#read-model/schema';
import { Rebuilder } from '#read-model/rebuild';
import { KeptTree, OtherTree } from '#transparency/kept-tree';
import type { Verifier } from '#transparency/note';
import { type Verified, verifyLog } from '#transparency/verify';
import { Audit } from '#audit/audit';
import { conflict } from '#domain/errors';
import type { Seller } from '#domain/invoices/parties';
import type { FourEyes } from '#domain/proposals/proposal';
import type { UsageYears } from '#domain/usage/usage-span';
import { readStandbyState } from '#projections/checkpoint.read';
import { READ_MODELS, readModels } from '#projections/database';
import { Outbox } from '#exchange/webhooks/outbox';
import { WebhookSecrets } from '#exchange/webhooks/secrets';
import { LedgerCore } from '#ledger/ledger-core';
import { Outcomes } from '#ledger/outcomes';
import { type Standby, Standbys } from '#ledger/standbys';
import { LedgerQueryHandler } from './answering.js';
import { Ledger, LedgerCommandHandler } from './ledger.js';
import type { EventStoreSettings } from '#runtime/environment';
import { openEventStoreDb } from '#runtime/event-store';
import { MeasuredLog, MeasuredProjecting, type Measuring } from '#runtime/telemetry/measured';
import { takeOver, type WhenOutdated } from './outdated.js';

export interface LedgerOptions {
  readonly databaseUrl: string;
  /** Hot standbys of the database, which answer queries. Default: none. */
  readonly readUrls?: readonly string[];
  /** EventStoreDB is the log, and Postgres has a mirror of it. Without it, Postgres is the log. */
  readonly eventStore?: EventStoreSettings;
  readonly applicationName?: string;
  /** The timeout of a statement, in milliseconds. Default: none. It does not apply to waiting for a lock. */
  readonly statementTimeoutMs?: number;
  /** Receives measurements of appends and of waiting for the read models. */
  readonly measuring?: Measuring;
  /** Default: `wait`. */
  readonly whenOutdated?: WhenOutdated;
  /** Stops waiting. */
  readonly signal?: AbortSignal;
  /** Receives progress messages while read models are built. */
  readonly report?: (message: string) => void;
  /** The seller on documents: name, address, tax number, one per line. */
  readonly seller?: string;
  /** The seller as electronic invoices name it. */
  readonly sellerDetails?: Seller;
  /** How far from now new usage may be. Default: 10 years back, 1 ahead. */
  readonly usageYears?: UsageYears;
  /** Above these amounts, corrections and voids need a second actor. Default: they never do. */
  readonly fourEyes?: FourEyes;
}

const OPENED = Symbol('opened ledger');

interface Opened {
  readonly core: LedgerCore;
  readonly tree: KeptTree;
  close(): Promise<void>;
}

/** After a failure, a serving process tries to build the read models again in this time. */
const TRY_AGAIN_MS = 5_000;

/** Verifying holds 32 bytes of each event in memory: 160 MB. */
const MOST_VERIFIED = 5_000_000;

async function becomeCurrent(
  projector: Projector,
  rebuilder: Rebuilder,
  options: LedgerOptions,
  closing: AbortSignal,
): Promise<void> {
  const { whenOutdated = 'wait', report = () => undefined } = options;
  if (whenOutdated === 'leave') return;
  const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
  if (whenOutdated === 'wait') {
    await takeOver(projector, rebuilder, { signal, report });
    return;
  }
  while (!signal.aborted) {
    try {
      await takeOver(projector, rebuilder, { signal, report });
      return;
    } catch (error) {
      if (signal.aborted) return;
      report(`${reason(error)}. Retrying in ${TRY_AGAIN_MS / 1000} s.`);
      await delay(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** A host that vanished does not answer at all. */
const STANDBY_CONNECT_MS = 2000;

/** Pools of a standby, in sessions that refuse every write: for queries, and to ask for its state and cancel them. */
function readingPools(url: string, named: PoolOptions): readonly [pg.Pool, pg.Pool] {
  const of = { ...named, schema: READ_MODELS, readOnly: true, connectTimeoutMs: STANDBY_CONNECT_MS };
  const asking = createPool(url, { ...of, max: 2 });
  return [stoppable(createPool(url, of), asking), asking];
}

async function open(options: LedgerOptions): Promise<Opened> {
  const named = {
    isPooled: await isPooled(options.databaseUrl),
    ...(options.applicationName === undefined ? {} : { applicationName: options.applicationName }),
  };
  // Three of them are for expensive work.
  const locks = createPool(options.databaseUrl, { max: 7, ...named });
  const pool = stoppable(createPool(options.databaseUrl, { schema: READ_MODELS, ...named }), locks);
  // Queries have a timeout. Building and projecting read models do not.
  const { statementTimeoutMs, measuring } = options;
  const timeout = statementTimeoutMs === undefined ? {} : { statementTimeoutMs };
  const asked =
    statementTimeoutMs === undefined
      ? pool
      : stoppable(createPool(options.databaseUrl, { schema: READ_MODELS, ...named, ...timeout }), pool);
  const pools = new Set([pool, asked, locks]);
  let opened: EventLog | undefined;
  try {
    const postgres = new PostgresLog(pool);
    await postgres.migrate();
    const log =
      options.eventStore === undefined
        ? postgres
        : new MirroredLog(await openEventStoreDb(options.eventStore), postgres);
    opened = log;
    const projector = new Projector(log, pool, projections, READ_MODELS);
    const rebuilder = new Rebuilder(log, pool, projections, READ_MODELS);
    const stopping = new AbortController();
    const isCurrent = await projector.prepare();
    const tree = new KeptTree(pool, postgres);
    await tree.migrate();
    if (options.whenOutdated !== 'leave') {
      await projector.assertSameLog();
      await assertTreeOf(log, tree);
    }
    const becoming = isCurrent ? Promise.resolve() : becomeCurrent(projector, rebuilder, options, stopping.signal);
    if (options.whenOutdated !== 'serve') await becoming;
    const trialPool = (): pg.Pool =>
      stoppable(createPool(options.databaseUrl, { schema: READ_MODELS, max: 1, idleTimeoutMs: 0, ...named }), pool);
    const [used, projecting] =
      measuring === undefined
        ? [log, projector]
        : [new MeasuredLog(log, measuring), new MeasuredProjecting(projector, measuring)];
    const mirror = log instanceof MirroredLog ? log : null;
    // It ends with the request that asked for it.
    const stopped = asked === pool ? postgres : new PostgresLog(asked);
    const verify = async (verifier: Verifier | null): Promise<Verified> => {
      const size = await stopped.head();
      if (size > MOST_VERIFIED)
        throw conflict(
          'log_too_large',
          `The log has ${size} events, and a server verifies ${MOST_VERIFIED} at most. Run "ledgerline verify".`,
        );
      return verifyLog(stopped, asked, { notes: [], verifier });
    };
    const parts = { locks, trialPool, rebuilder, tree, verify, mirror };
    const { seller: text = null, sellerDetails: details = {}, usageYears, fourEyes = null } = options;
    const { report = () => undefined } = options;
    const outcomes = new Outcomes(asked);
    const coreOn = (itsLog: EventLog, itsPool: pg.Pool, more: { standbys?: Standbys<LedgerCore> } = {}): LedgerCore => {
      const all = { ...parts, outcomes, ...more };
      return new LedgerCore(itsLog, projecting, itsPool, all, { text, details }, usageYears, fourEyes);
    };
    const standbys = (options.readUrls ?? []).map((url): Standby<LedgerCore> => {
      const [reading, asking] = readingPools(url, { ...named, ...timeout });
      pools.add(reading).add(asking);
      const itsModels = readModels(asking);
      const state = sharedRead(async () => readStandbyState(itsModels));
      return { name: addressIn(url), state, reader: coreOn(new PostgresLog(reading), reading) };
    });
    const ownModels = readModels(pool);
    const primary = {
      state: sharedRead(async () => readStandbyState(ownModels)),
      versions: versionsOf(projections),
    };
    const more = standbys.length === 0 ? {} : { standbys: new Standbys(standbys, primary, report) };
    const core = coreOn(used, asked, more);
    await core.details.migrate();
    await core.texts.migrate();
    await outcomes.migrate();
    await new Outbox(pool).migrate();
    await new WebhookSecrets(pool).migrate();
    const close = async (): Promise<void> => {
      stopping.abort();
      await becoming;
      await log.close();
      await Promise.all([...pools].map(async (each) => each.end()));
    };
    return { core, tree, close };
  } catch (error) {
    // A mirror at work holds a connection, and the end of its pool would wait for it.
    await opened?.close();
    await Promise.all([...pools].map(async (each) => each.end()));
    throw error;
  }
}

/** Errors: OtherTree. A mirror that was restored may be behind the tree: it catches up first. */
async function assertTreeOf(log: PostgresLog | MirroredLog, tree: KeptTree): Promise<void> {
  try {
    await tree.assertOfLog();
  } catch (error) {
    if (!(error instanceof OtherTree) || log instanceof PostgresLog) throw error;
    await log.head();
    await tree.assertOfLog();
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
        { provide: KeptTree, useFactory: ({ tree }: Opened) => tree, inject: [OPENED] },
        Ledger,
        Audit,
        LedgerCommandHandler,
        LedgerQueryHandler,
      ],
      exports: [Ledger, LedgerCore, Audit],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.opened.close();
  }
}
