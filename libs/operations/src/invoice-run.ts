import { errorOf } from '#domain/errors';
import { parse, zDate, zInstant } from '#domain/schema';
import { midnight } from '#domain/time/calendar';
import { earlier, FROM_EVER, type Instant, later } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { inOrder } from '#ledger/appending/in-order';
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
  /** Tenants billed at the same time: they are read, appended and projected together. Default: 64. */
  readonly tenantsAtOnce?: number;
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

const TENANTS_AT_ONCE = 64;

/**
 * Meters the days that are due, then bills tenants as of an instant and issues their invoices in order. A second run
 * finds the same invoices. A failure of one tenant does not stop the others. Who stops early leaves drafts of up to
 * twice `tenantsAtOnce` tenants, which the next run finds.
 */
export async function* invoiceRun(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled> {
  const asOf = await instantsOf(ledger, caller, run.asOf);
  const last = ['', ...run.tenantIds].map(asOf).reduce<Instant>(later, FROM_EVER);
  for await (const day of meterDue(ledger, caller, earlier(last, caller.now))) run.onMetered?.(day);
  const { tenantsAtOnce: atOnce = TENANTS_AT_ONCE } = run;
  const draftedFrom = async (from: number): Promise<Billing[]> =>
    Promise.all(
      run.tenantIds
        .slice(from, from + atOnce)
        .map(async (tenantId) => draft(ledger, caller, tenantId, { ...run, asOf: asOf(tenantId) })),
    );
  let next = draftedFrom(0);
  try {
    for (let from = atOnce; from < run.tenantIds.length + atOnce; from += atOnce) {
      const drafted = await next;
      // The database writes the next drafts while these invoices are rated.
      next = draftedFrom(from);
      yield* await viewed(ledger, caller, run.issue ? await issued(ledger, caller, drafted) : drafted);
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

/** Issues all drafts, in the order of the tenants and of their currencies: the numbers follow it. */
async function issued(ledger: Ledger, caller: Caller, drafted: readonly Billing[]): Promise<Billing[]> {
  const drafts = drafted.flatMap((of) => of.invoices.map((invoiceId) => ({ of, invoiceId })));
  const settled = await inOrder(drafts, async ({ of, invoiceId }, inTurn) =>
    issue(ledger, caller, { invoiceId, at: of.asOf }, inTurn),
  );
  const ofTenant = Map.groupBy(drafts.keys(), (index) => drafts[index]?.of);
  return drafted.map((of) =>
    (ofTenant.get(of) ?? []).reduce<Billing>((billing, index) => {
      const one = settled[index];
      if (one === undefined) return billing;
      if (one.status === 'rejected') return { ...billing, failure: billing.failure ?? errorOf(one.reason) };
      const lines = new Map([...billing.quarantined, ...one.value].map((each) => [each.lineId, each]));
      return { ...billing, quarantined: [...lines.values()] };
    }, of),
  );
}

/** The lines of the draft that can't be rated now. Errors: the refusal, unless it was issued before. */
async function issue(
  ledger: Ledger,
  caller: Caller,
  { invoiceId, at }: { readonly invoiceId: string; readonly at: Instant },
  inTurn: () => Promise<void>,
): Promise<Billing['quarantined']> {
  const outcome = await ledger.execute({ command: 'issue-invoice', invoiceId, at }, caller, { inTurn });
  if (outcome.status !== 'refused') return zIssued.parse(outcome.result).quarantined;
  if (ISSUED_ALREADY.includes(outcome.error.code)) return [];
  throw refusal(outcome.error);
}

/** The invoices of all these tenants are read together. If that fails, each tenant's are read for it alone. */
async function viewed(ledger: Ledger, caller: Caller, billed: readonly Billing[]): Promise<TenantBilled[]> {
  try {
    return await withInvoices(ledger, caller, billed);
  } catch (error) {
    const [only, ...others] = billed;
    if (only !== undefined && others.length === 0)
      return [{ ...only, invoices: [], failure: only.failure ?? errorOf(error) }];
    const alone: TenantBilled[] = [];
    for (const each of billed) alone.push(...(await viewed(ledger, caller, [each])));
    return alone;
  }
}

async function withInvoices(ledger: Ledger, caller: Caller, billed: readonly Billing[]): Promise<TenantBilled[]> {
  const ids = billed.flatMap(({ invoices: of }) => of);
  const found = new Map((await invoicesOf(ledger, caller, ids)).map((each) => [each.invoiceId, each]));
  const invoiceOf = (id: string): Invoice => {
    const of = found.get(id);
    if (of === undefined) throw new Error(`invoice ${id} was drafted and is not found`);
    return of;
  };
  return billed.map((each) => ({ ...each, invoices: each.invoices.map(invoiceOf) }));
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
