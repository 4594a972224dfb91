import { errorOf } from '#domain/errors';
import { parse, zDate, zInstant } from '#domain/schema';
import { midnight } from '#domain/time/calendar';
import { earlier, FROM_EVER, type Instant, later } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { inOrder, valueOf } from '#ledger/appending/in-order';
import type { AnswerOf } from '#ledger/query';
import { type Invoice, invoices, zDrafted, zIssued } from './invoices.js';
import type { Ledger } from './ledger.js';
import { meterDue } from './metering-run.js';
import { tenants } from './tenants.js';

export interface InvoiceRun {
  /** An instant, or a date: midnight in the time zone of each tenant. */
  readonly asOf: string;
  readonly tenantIds: readonly string[];
  /** Also issues the drafts: new ones, and existing ones of the same instant. */
  readonly issue: boolean;
  /** `bill`: also bills days that can't be metered. Default: a tenant with such days is not billed (`not_metered`). */
  readonly unmetered?: 'bill' | undefined;
  /** Called for each day that the run metered. */
  readonly onMetered?: (day: { readonly date: string; readonly count: number }) => void;
}

/** The result of a run for one tenant. */
export interface TenantBilled<Billed = Invoice> {
  readonly tenantId: string;
  readonly asOf: Instant;
  readonly invoices: readonly Billed[];
  /** Lines that could not be billed, and why. */
  readonly quarantined: readonly { readonly lineId: string; readonly code: string; readonly message: string }[];
  /** Why the run failed for this tenant. Invoices created before are kept. null: it did not fail. */
  readonly failure: Error | null;
}

/** The ids of all tenants, in order. */
export const tenantIds = async (ledger: Ledger, caller: Caller): Promise<string[]> =>
  (await allTenants(ledger, caller)).map(({ tenantId }) => tenantId);

async function allTenants(ledger: Ledger, caller: Caller): Promise<AnswerOf<typeof tenants.answer>['items'][number][]> {
  const all: AnswerOf<typeof tenants.answer>['items'][number][] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: AnswerOf<typeof tenants.answer> = await ledger.ask(
      tenants,
      cursor === undefined ? {} : { cursor },
      caller,
    );
    all.push(...page.items);
    cursor = page.nextCursor;
  }
  return all;
}

/** Tenants billed at the same time: they are read, appended and projected together. */
const AT_ONCE = 64;

/**
 * Meters the days that are due, then bills tenants as of an instant and issues their invoices in order. A second run
 * finds the same invoices. A failure of one tenant does not stop the others.
 */
export async function* invoiceRun(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled> {
  const asOf = await instantsOf(ledger, caller, run.asOf);
  const last = ['', ...run.tenantIds].map(asOf).reduce<Instant>(later, FROM_EVER);
  for await (const day of meterDue(ledger, caller, earlier(last, caller.now))) run.onMetered?.(day);
  const draftedFrom = async (from: number): Promise<Billing[]> =>
    Promise.all(
      run.tenantIds
        .slice(from, from + AT_ONCE)
        .map(async (tenantId) => draft(ledger, caller, tenantId, { ...run, asOf: asOf(tenantId) })),
    );
  let next = draftedFrom(0);
  try {
    for (let from = AT_ONCE; from < run.tenantIds.length + AT_ONCE; from += AT_ONCE) {
      const drafted = await next;
      // The database writes the next drafts while these invoices are rated.
      next = draftedFrom(from);
      const issued = run.issue
        ? (await inOrder(drafted, (each, inTurn) => issue(ledger, caller, each, inTurn))).map(valueOf)
        : drafted;
      yield* await viewed(ledger, caller, issued);
    }
  } finally {
    // Whoever stops early closes the ledger next.
    await next;
  }
}

/** The instant of each tenant. A tenant that is not registered is refused later: UTC. */
async function instantsOf(ledger: Ledger, caller: Caller, asOf: string): Promise<(tenantId: string) => Instant> {
  const date = zDate.safeParse(asOf);
  if (!date.success) {
    const at = parse(zInstant, asOf, 'asOf');
    return () => at;
  }
  const zones = new Map((await allTenants(ledger, caller)).map(({ tenantId, timeZone }) => [tenantId, timeZone]));
  return (tenantId) => midnight(date.data, zones.get(tenantId) ?? 'UTC');
}

/** Issued before at another instant, or paid. */
const ISSUED_ALREADY: readonly string[] = ['conflicting_body', 'invoice_not_draft'];

/** The progress for one tenant: the ids of its invoices. */
type Billing = TenantBilled<string>;

async function draft(
  ledger: Ledger,
  caller: Caller,
  tenantId: string,
  { asOf, unmetered }: Pick<InvoiceRun, 'unmetered'> & { readonly asOf: Instant },
): Promise<Billing> {
  const billing: Billing = { tenantId, asOf, invoices: [], quarantined: [], failure: null };
  return unlessFailed(billing, async () => {
    const outcome = await ledger.execute(
      { command: 'create-invoice', tenantId, asOf, ...(unmetered === undefined ? {} : { unmetered }) },
      caller,
    );
    if (outcome.status === 'refused') throw refusal(outcome.error);
    const { invoices, quarantined } = zDrafted.parse(outcome.result);
    return { ...billing, invoices: invoices.map(({ invoiceId }) => invoiceId), quarantined };
  });
}

async function issue(ledger: Ledger, caller: Caller, billing: Billing, inTurn: () => Promise<void>): Promise<Billing> {
  return unlessFailed(billing, async () => {
    const quarantined = new Map(billing.quarantined.map((each) => [each.lineId, each]));
    for (const invoiceId of billing.invoices) {
      const outcome = await ledger.execute({ command: 'issue-invoice', invoiceId, at: billing.asOf }, caller, {
        inTurn,
      });
      if (outcome.status === 'refused' && !ISSUED_ALREADY.includes(outcome.error.code)) throw refusal(outcome.error);
      // Lines that were rated in the draft and can't be rated now.
      if (outcome.status !== 'refused')
        for (const each of zIssued.parse(outcome.result).quarantined) quarantined.set(each.lineId, each);
    }
    return { ...billing, quarantined: [...quarantined.values()] };
  });
}

/** The invoices of all these tenants are read together. If they can't be, it is a failure of each tenant. */
async function viewed(ledger: Ledger, caller: Caller, billed: readonly Billing[]): Promise<TenantBilled[]> {
  const ids = billed.flatMap(({ invoices: of }) => of);
  try {
    const found = new Map((await invoicesOf(ledger, caller, ids)).map((each) => [each.invoiceId, each]));
    return billed.map((each) => ({ ...each, invoices: each.invoices.flatMap((id) => found.get(id) ?? []) }));
  } catch (error) {
    const failure = errorOf(error);
    return billed.map((each) => ({ ...each, invoices: [], failure: each.failure ?? failure }));
  }
}

/** A page has this many invoices: all their lines are in memory at once. */
const INVOICES_AT_ONCE = 250;

async function invoicesOf(ledger: Ledger, caller: Caller, ids: readonly string[]): Promise<Invoice[]> {
  const all: Invoice[] = [];
  for (let from = 0; from < ids.length; from += INVOICES_AT_ONCE) {
    const invoiceIds = ids.slice(from, from + INVOICES_AT_ONCE);
    const { items } = await ledger.ask(invoices, { invoiceIds, limit: INVOICES_AT_ONCE }, caller);
    all.push(...items);
  }
  return all;
}

/** Records a failure in the result of its tenant, with what was done before. */
async function unlessFailed(billed: Billing, work: () => Promise<Billing>): Promise<Billing> {
  try {
    return await work();
  } catch (error) {
    return { ...billed, failure: errorOf(error) };
  }
}

const refusal = ({ code, message }: { readonly code: string; readonly message: string }): Error =>
  new Error(`${message} (${code})`);
