import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import type { Instant } from '#domain/time/instant';
import type { RowOf, TableDefinition, Versioned } from '#read-model/table';
import type * as commands from './commands/commands.table.js';
import type * as costs from './costs/costs.table.js';
import type * as credits from './credits/credits.table.js';
import type * as deployments from './deployments/deployments.table.js';
import type * as inventory from './inventory/inventory.table.js';
import type * as invoiceLines from './invoice-lines/invoice-lines.table.js';
import type * as invoices from './invoices/invoices.table.js';
import type * as margins from './margins/margins.table.js';
import type * as metering from './metering/metering.table.js';
import type * as plans from './plans/plans.table.js';
import type * as rateKeyUsage from './rate-key-usage/rate-key-usage.table.js';
import type * as rates from './rates/rates.table.js';
import type * as restatements from './restatements/restatements.table.js';
import type * as tenants from './tenants/tenants.table.js';
import type * as usageRecords from './usage-records/usage-records.table.js';

/** All table files. */
type Files =
  | typeof commands
  | typeof costs
  | typeof credits
  | typeof deployments
  | typeof inventory
  | typeof invoiceLines
  | typeof invoices
  | typeof margins
  | typeof metering
  | typeof plans
  | typeof rateKeyUsage
  | typeof rates
  | typeof restatements
  | typeof tenants
  | typeof usageRecords;

/** Each table that a file exports. */
type TableIn<File> = File extends unknown ? Extract<File[keyof File], TableDefinition> : never;

export type History<Row> = Row & Versioned;

/** The schema of the live read models. */
export const READ_MODELS = 'ledgerline';

/** The read models for queries: one entry per table. */
export type ReadModels = { [Of in TableIn<Files> as Of['name']]: History<RowOf<Of>> } & {
  checkpoint: { position: number; versions: string; moved_at: Instant };
};

export const readModels = (pool: pg.Pool): Kysely<ReadModels> =>
  new Kysely<ReadModels>({ dialect: new PostgresDialect({ pool }) });
