import type { ClaimedPart } from '#domain/invoices/invoice';
import type { LedgerCore } from '#ledger/ledger-core';
import { BatchLoader } from '#postgres/batch-loader';
import {
  type AccountKey,
  keyOfAccount,
  keyOfAccountRow,
  readInvoices,
  readUncutClaims,
} from '#projections/invoices/invoices.read';
import type { InvoiceRow } from '#projections/invoices/invoices.table';
import { accountsOf, type TenantAccount, type TenantAt } from './accounts.js';
import {
  billingsOf,
  claimedPartsOf,
  type InvoiceToRate,
  type Rated,
  ratedFrom,
  toClaimedPart,
} from './rated-invoice.js';

/** A key, as known at a log position. */
type At<Key> = Key & { readonly position: number };

/** The parts that drafts claim, by invoice. */
type Claims = ReadonlyMap<string, readonly ClaimedPart[]>;

/**
 * A statement takes 1,000 keys, and one of a hundred has a statement of its own. An invoice counts by its lines, which
 * are all in memory. Those of one that is not drafted yet are not known: it counts as four, and a run asks for 64.
 */
const LEAST_SIZE_OF_INVOICE = 4;

/**
 * What billing commands read. Commands that are carried out at the same time share their statements: a run over
 * hundreds of tenants reads about as often as the command for one.
 */
export class ReadTogether {
  readonly account: (tenant: TenantAt) => Promise<TenantAccount>;
  /** undefined: there is none. */
  readonly invoice: (of: At<{ readonly invoiceId: string }>) => Promise<InvoiceRow | undefined>;
  readonly claimedParts: (of: At<{ readonly invoiceId: string }>) => Promise<readonly ClaimedPart[]>;
  /** Parts that drafts of an account claim, and whose lines are not cut there yet. */
  readonly uncutClaims: (account: At<AccountKey>) => Promise<Claims>;
  /** `lines`: how many the invoice claims, where that is known. */
  readonly rated: (of: At<{ readonly invoice: InvoiceToRate; readonly lines?: number }>) => Promise<Rated>;

  constructor(core: LedgerCore) {
    const accounts = new BatchLoader(async (tenants: readonly TenantAt[]) =>
      tenants.map(await accountsOf(core, tenants)),
    );
    this.account = async (tenant) => accounts.load(tenant);
    this.invoice = together(async (position, of) => {
      const rows = await readInvoices(core.db, position, idsOf(of));
      const byId = new Map(rows.map((row) => [row.invoice_id, row]));
      return of.map(({ invoiceId }) => byId.get(invoiceId));
    });
    this.claimedParts = together(async (position, of) => {
      const claimed = await claimedPartsOf(core, position, idsOf(of));
      return of.map(({ invoiceId }) => claimed.get(invoiceId) ?? []);
    });
    this.uncutClaims = together(async (position, accounts) => {
      const rows = Map.groupBy(await readUncutClaims(core.db, position, accounts), keyOfAccountRow);
      return accounts.map((account): Claims => {
        const own = Map.groupBy(rows.get(keyOfAccount(account)) ?? [], ({ invoice_id }) => invoice_id);
        return new Map([...own].map(([invoiceId, of]) => [invoiceId, of.map(toClaimedPart)]));
      });
    });
    this.rated = together(
      async (position, of) => {
        const invoices = of.map(({ invoice }) => invoice);
        return ratedFrom(core, await billingsOf(core, position, invoices));
      },
      ({ lines = 0 }) => Math.max(LEAST_SIZE_OF_INVOICE, lines),
    );
  }
}

const idsOf = (of: readonly { readonly invoiceId: string }[]): string[] => of.map(({ invoiceId }) => invoiceId);

/** Reads keys that are wanted at the same time together: those of each position. */
function together<Key extends { readonly position: number }, Value>(
  read: (position: number, keys: readonly Key[]) => Promise<readonly Value[]>,
  sizeOf?: (key: Key) => number,
): (key: Key) => Promise<Value> {
  const loader = new BatchLoader<Key, Value>(async (keys) => {
    const values = new Map<Key, Value>();
    for (const [position, of] of Map.groupBy(keys, (key) => key.position)) {
      const found = await read(position, of);
      for (const [index, key] of of.entries()) values.set(key, found[index] as Value);
    }
    return keys.map((key) => values.get(key) as Value);
  }, sizeOf);
  return async (key) => loader.load(key);
}

const known = new WeakMap<LedgerCore, ReadTogether>();

/** The one of a ledger: only commands that share it share their statements. */
export function readTogether(core: LedgerCore): ReadTogether {
  const of = known.get(core) ?? new ReadTogether(core);
  known.set(core, of);
  return of;
}
