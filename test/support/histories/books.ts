import { byMonth } from '#domain/margin/months';
import { type Decimal, decimal, sum, text, ZERO } from '#domain/money/decimal';
import type { Instant } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import type { CommandOutcome } from '#ledger/command';
import { ADMIN, type TestLedger } from '../ledger.js';
import type { Truth } from './truth.js';
import { isClassic, periodStart, type TenantId } from './world.js';

/** What a ledger has billed. */

interface Row {
  readonly kind: string;
  /** Also coupons. */
  readonly credits?: readonly { readonly creditId: string; readonly amount: string }[];
  readonly net: string;
  readonly tax: string;
  readonly taxRatePercent: string;
  readonly chargePeriod: Period;
}
export interface Invoice {
  readonly status: string;
  readonly tenantId: TenantId;
  readonly lines: readonly {
    readonly subscriptionId: string;
    readonly deploymentId: string;
    readonly billingKind: string;
    readonly rows: readonly Row[];
  }[];
}

/** A ledger and the commands that it received. Another ledger can be given the same commands. */
export class Told {
  readonly commands: object[] = [];

  constructor(readonly test: TestLedger) {}

  async execute(command: object): Promise<CommandOutcome> {
    this.commands.push(command);
    return this.test.ledger.execute(command, ADMIN);
  }

  /** Carries out commands that must not be refused. */
  async apply(...commands: readonly object[]): Promise<CommandOutcome[]> {
    this.commands.push(...commands);
    return this.test.apply(...commands);
  }

  /** Creates and issues what is due. null: nothing is, or it was issued before. */
  async bill(id: TenantId, asOf: string, issuedAt: Instant): Promise<Invoice | null> {
    const [created] = await this.apply({ command: 'create-invoice', tenantId: id, asOf });
    const { invoices } = (created as { result: { invoices: { invoiceId: string }[] } }).result;
    const [first] = invoices;
    if (first === undefined) return null;
    const draft = await this.test.ask<Invoice>('invoice', { id: first.invoiceId });
    if (draft.status !== 'draft') return null;
    await this.apply({ command: 'issue-invoice', invoiceId: first.invoiceId, at: issuedAt });
    return this.test.ask<Invoice>('invoice', { id: first.invoiceId });
  }

  /** Meters what is due until an instant. */
  async meter(until: Instant): Promise<void> {
    const { items } = await this.test.ask<{ items: { date: string }[] }>('days-to-meter', { at: until });
    for (const { date } of items) await this.apply({ command: 'run-metering', date });
  }
}

export interface Booked {
  readonly net: Decimal;
  readonly tax: Decimal;
}

async function issued(test: TestLedger): Promise<Invoice[]> {
  const items: Invoice[] = [];
  for (let cursor: string | null = '', isFirst = true; cursor !== null; isFirst = false) {
    const page: { items: Invoice[]; nextCursor: string | null } = await test.ask('invoices', {
      ...{ limit: 1000, status: 'issued' },
      ...(isFirst ? {} : { cursor }),
    });
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/**
 * Net before credits, and tax, by tenant, deployment, billing kind, charge period and tax rate, without what comes to
 * nothing. Charge periods are calendar months in UTC, to which rows count by seconds. Where billing periods are others,
 * they are those in which rows begin: a row that crosses a month counts by seconds, and two that are cut there do not.
 */
export async function books(test: TestLedger, truth: Truth): Promise<Map<string, Booked>> {
  const totals = new Map<string, Booked>();
  const book = (key: string, { net, tax }: Booked): void => {
    const before = totals.get(key) ?? { net: ZERO, tax: ZERO };
    totals.set(key, { net: before.net.plus(net), tax: before.tax.plus(tax) });
  };
  for (const { tenantId, lines } of await issued(test))
    for (const { subscriptionId, deploymentId, billingKind, rows } of lines)
      for (const row of rows) {
        const [net, tax] = [decimal(row.net).plus(creditOf(row)), decimal(row.tax)];
        const key = (period: string) =>
          [tenantId, deploymentId, billingKind, period, `${text(decimal(row.taxRatePercent))} %`].join(' ');
        if (hasUtcMonths(truth, subscriptionId))
          for (const { month, amount } of byMonth(net, row.chargePeriod, 'USD')) book(key(month), { net: amount, tax });
        else book(key(periodOf(truth, tenantId, subscriptionId, row)), { net, tax });
      }
  return new Map([...totals].filter(([, { net, tax }]) => !net.eq(ZERO) || !tax.eq(ZERO)).sort());
}

const hasUtcMonths = ({ world, subscriptions }: Truth, subscriptionId: string): boolean =>
  isClassic(world) && (subscriptions.get(subscriptionId)?.anchor ?? null) === null;

/** Rows of a subscription that never was come to nothing, whatever the period. */
function periodOf(truth: Truth, tenantId: TenantId, subscriptionId: string, { chargePeriod }: Row): string {
  if (truth.world.interval === 'year') return 'year';
  const { anchor = null } = truth.subscriptions.get(subscriptionId) ?? {};
  return periodStart(chargePeriod.start, truth.zones[tenantId], anchor);
}

export const printed = (booked: ReadonlyMap<string, Booked>): string[] =>
  [...booked].map(([key, { net, tax }]) => `${key}: ${text(net)} + ${text(tax)}`);

/** The same where tax is rounded an invoice: net alone. */
export const printedNet = (booked: ReadonlyMap<string, Booked>): string[] =>
  [...booked].filter(([, { net }]) => !net.eq(ZERO)).map(([key, { net }]) => `${key}: ${text(net)}`);

export const taxOf = (booked: ReadonlyMap<string, Booked>, id: TenantId): Decimal =>
  sum([...booked].filter(([key]) => key.startsWith(`${id} `)).map(([, { tax }]) => tax));

/** What a row drew from credits. Corrections, and their previews, compare charges before credits. */
export const creditOf = ({ credits = [] }: Row): Decimal =>
  sum(credits.filter(({ creditId }) => creditId.startsWith('credit-')).map(({ amount }) => decimal(amount)));

export const invoiceCount = async (test: TestLedger): Promise<number> => (await issued(test)).length;
