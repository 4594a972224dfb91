import { creditsLeft, type CreditTaker, creditUses, hasEnded } from '#domain/invoices/credit-draw';
import { type Coupon, couponsOf } from '#domain/invoices/credits';
import type { BillingFacts } from '#domain/invoices/rate-invoice';
import { type Instant, later } from '#domain/time/instant';
import type { LedgerCore } from '#ledger/ledger-core';
import { toCredit } from '#projections/credits/credits.projection';
import { readCredits } from '#projections/credits/credits.read';
import {
  type AccountKey,
  type BookedRow,
  keyOfAccount,
  keyOfAccountRow,
  readBookedRows,
  readVoidedCredits,
} from '#projections/invoices/invoices.read';
import { readPendingMarks } from '#projections/restatements/restatements.read';
import { isBilledIn, type TenantAccount } from './accounts.js';
import { type Lines, readLines } from './contracts.js';
import { recordedPartsOf } from './parts.js';

/** Billing an account up to an instant. */
export interface BillingUpTo {
  readonly account: TenantAccount;
  readonly until: Instant;
}

/**
 * What each account is billed from, all as of one position, in a constant number of statements. `known`: lines that
 * were read already.
 */
export async function billingFactsOf(
  core: LedgerCore,
  position: number,
  wanted: readonly BillingUpTo[],
  known?: Lines,
): Promise<BillingFacts[]> {
  const { db } = core;
  const accounts = [...new Map(wanted.map(({ account }) => [keyOfAccount(account), account])).values()];
  const tenantIds = [...new Set(accounts.map(({ tenantId }) => tenantId))];
  const booked = Map.groupBy(await readBookedRows(db, position, accounts), keyOfAccountRow);
  const parts = Map.groupBy(await recordedPartsOf(core, position, { tenantIds }), ({ tenantId }) => tenantId);
  const marks = await pendingMarks(core, position, accounts);
  const grants = Map.groupBy(await readCredits(db, position, tenantIds), keyOfAccountRow);
  const grantsOf = (account: AccountKey) => (grants.get(keyOfAccount(account)) ?? []).map(toCredit);
  // Void invoices matter only to those for whom a credit has ended.
  const ended = wanted.filter(({ account, until }) => grantsOf(account).some((each) => hasEnded(each, until)));
  const voided = Map.groupBy(
    await readVoidedCredits(db, position, [
      ...new Map(ended.map(({ account }) => [keyOfAccount(account), account])).values(),
    ]),
    keyOfAccountRow,
  );

  // A fee in advance may be billed of a later period. Its line counts too, also for an invoice of an earlier instant.
  const horizonOf = ({ account: { tenantId }, until }: BillingUpTo): Instant =>
    (parts.get(tenantId) ?? []).reduce((at, { issued, start }) => (issued ? later(at, start) : at), until);
  const lines = known ?? (await readLines(core, position, tenantIds));
  return wanted.map((each) => {
    const { account, until } = each;
    const bookedOf = booked.get(keyOfAccount(account)) ?? [];
    const rows = bookedOf.map(({ row }) => row);
    const uses = creditUses(bookedOf.map(({ row, as_of: asOf }) => ({ row, asOf })));
    const granted = grantsOf(account);
    const invoices = takersOf(bookedOf, voided.get(keyOfAccount(account)) ?? []);
    return {
      currency: account.currency,
      taxes: account.taxes,
      gracePeriods: account.gracePeriods,
      lines: lines({ account, position, until: horizonOf(each) }).filter((line) => isBilledIn(account, line)),
      recorded: Map.groupBy(parts.get(account.tenantId) ?? [], ({ lineId }) => lineId),
      booked: Map.groupBy(rows, ({ lineId }) => lineId),
      grants: granted,
      creditsLeft: creditsLeft(granted, uses, {
        ...{ asOf: until, currency: account.currency, invoices },
      }),
      marks: marks(account),
    };
  });
}

/** The invoices that took credits, in the order of issue. */
function takersOf(booked: readonly BookedRow[], voided: readonly BookedRow[]): CreditTaker[] {
  const rows = [...booked, ...voided].filter(({ row }) => row.credits !== undefined);
  const isVoid = new Set(voided.map(({ ordinal }) => ordinal));
  return [...Map.groupBy(rows, ({ ordinal }) => ordinal)]
    .sort(([a], [b]) => a - b)
    .flatMap(([ordinal, of]): CreditTaker[] => {
      const [first] = of;
      const ofInvoice = of.map(({ row }) => row);
      return first === undefined ? [] : [{ asOf: first.as_of, isVoid: isVoid.has(ordinal), rows: ofInvoice }];
    });
}

/** What one account is billed from. */
export async function billingFacts(
  core: LedgerCore,
  position: number,
  account: TenantAccount,
  until: Instant,
): Promise<BillingFacts> {
  const [facts] = await billingFactsOf(core, position, [{ account, until }]);
  if (facts === undefined) throw new Error(`no billing facts of tenant ${account.tenantId}`);
  return facts;
}

/** Finds the coupons of a line, in the order of granting. `tenantIds`: of these tenants only, or null for all. */
export async function couponsOfLines(
  { db }: LedgerCore,
  position: number,
  tenantIds: readonly string[] | null,
): Promise<(line: AccountKey) => readonly Coupon[]> {
  const credits = Map.groupBy(await readCredits(db, position, tenantIds), keyOfAccountRow);
  return (line) => couponsOf((credits.get(keyOfAccount(line)) ?? []).map(toCredit));
}

/** Marked lines that no later invoice of the whole account has settled yet, with the reasons. */
export async function pendingMarks(
  { db }: LedgerCore,
  position: number,
  accounts: readonly AccountKey[],
): Promise<(account: AccountKey) => ReadonlyMap<string, string>> {
  const rows = Map.groupBy(await readPendingMarks(db, position, accounts), keyOfAccountRow);
  const marks = new Map(
    [...rows].map(([key, of]) => [key, new Map(of.map(({ line_id, reasons }) => [line_id, reasonsText(reasons)]))]),
  );
  return (account) => marks.get(keyOfAccount(account)) ?? new Map<string, string>();
}

const MAX_REASONS = 5;
/** In the order of the marks. */
const reasonsText = (reasons: readonly string[]): string =>
  reasons.length <= MAX_REASONS
    ? reasons.join('; ')
    : `${reasons.slice(0, MAX_REASONS).join('; ')}; and ${reasons.length - MAX_REASONS} more`;
