import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Caller } from '#ledger/caller';
import type { CommandOutcome } from '#ledger/command';
import { Ledger } from '#operations/ledger';
import { LedgerCore } from '#ledger/ledger-core';
import { check } from '#operations/audit';
import { LedgerModule, type LedgerOptions } from '#operations/ledger.module';
import { instant } from '#domain/time/instant';
import { isBehindGrpc, logBehindGrpc, on } from './log.js';
import { templateDatabase, testDatabase } from './postgres.js';

export const ADMIN: Caller = { actor: 'test', role: 'platform_admin', now: instant('2026-06-01T00:00:00Z') };

/** A ledger on a database of its own, and what tests do with it. */
export interface TestLedger {
  readonly ledger: Ledger;
  readonly app: INestApplicationContext;
  readonly core: LedgerCore;
  readonly url: string;
  /** Carries out commands, in order; each must not be refused. */
  apply(...commands: object[]): Promise<CommandOutcome[]>;
  /** Carries out a command that must be refused, and answers why. */
  refused(command: object): Promise<{ readonly code: string; readonly message: string }>;
  ask<Answer>(name: string, params?: Record<string, unknown>): Promise<Answer>;
  check(): Promise<{ readonly ok: boolean; readonly failures: readonly object[]; readonly notices: readonly object[] }>;
  close(): Promise<void>;
}

export const testLedger = async (options: Partial<LedgerOptions> = {}): Promise<TestLedger> =>
  isBehindGrpc ? onEventStoreDb(options) : onPostgres(options);

/** A database to copy. Making the tables of a ledger takes longer than the work of most specs. */
export const emptyLedger = async (): Promise<string> =>
  templateDatabase('empty_ledger', async (url) => (await ledgerOn(url)).close());

export async function onPostgres(options: Partial<LedgerOptions> = {}): Promise<TestLedger> {
  const database = await testDatabase(await emptyLedger());
  const test = await ledgerOn(database.url, options);
  return {
    ...test,
    async close() {
      await test.close();
      await database.drop();
    },
  };
}

/** A ledger on a database that is there, and stays. */
export async function ledgerOn(databaseUrl: string, options: Partial<LedgerOptions> = {}): Promise<TestLedger> {
  const module = LedgerModule.forRoot({ ...on(databaseUrl), ...options });
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  const ledger = app.get(Ledger);
  return {
    ledger,
    app,
    core: app.get(LedgerCore),
    url: databaseUrl,
    async apply(...commands) {
      const outcomes: CommandOutcome[] = [];
      for (const command of commands) {
        const outcome = await ledger.execute(command, ADMIN);
        if (outcome.status === 'refused')
          throw new Error(`${JSON.stringify(command)} was refused: ${JSON.stringify(outcome.error)}`);
        outcomes.push(outcome);
      }
      return outcomes;
    },
    async refused(command) {
      const outcome = await ledger.execute(command, ADMIN);
      if (outcome.status !== 'refused')
        throw new Error(`${JSON.stringify(command)} was not refused: ${outcome.status}`);
      return outcome.error;
    },
    async check() {
      return ledger.ask(check, {}, ADMIN);
    },
    async ask<Answer>(name: string, params: Record<string, unknown> = {}) {
      return (await ledger.ask(name, params, ADMIN)) as Answer;
    },
    async close() {
      await app.close();
    },
  };
}

/** A ledger whose log is EventStoreDB, over real gRPC, with its mirror in Postgres. */
async function onEventStoreDb(options: Partial<LedgerOptions> = {}): Promise<TestLedger> {
  const database = await testDatabase();
  const log = await logBehindGrpc(database.url);
  const test = await ledgerOn(database.url, options);
  return {
    ...test,
    async close() {
      const recorded = (await test.core.log.head()) > 0;
      await test.close();
      await database.drop();
      await log.stop(recorded);
    },
  };
}

/** Both logs: what is true of the ledger is true of it on either. */
export const LOGS: readonly (readonly [string, () => Promise<TestLedger>])[] = [
  ['Postgres', onPostgres],
  ['EventStoreDB', onEventStoreDb],
];
