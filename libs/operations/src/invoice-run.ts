import { errorOf } from '#domain/errors';
import { parse, zDate, zInstant } from '#domain/schema';
import { midnight } from '#domain/time/calendar';
import { earlier, FROM_EVER, type Instant, later } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { inOrder, valueOf } from '#ledger/appending/in-order';
import type { AnswerOf } from '#ledger/query';
import { type Invoice, invoice, zDrafted, zIssued } from './invoices.js';
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

/** Tenants billed at the same time: their events are appended and projected together. */
const AT_ONCE = 32;

/**
 * Meters the days that are due, then bills tenants as of an instant and issues their invoices in order. A second run
 * finds the same invoices. A failure of one tenant does not stop the others.
 */
export async function* invoiceRun(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled> {
  const asOf = await instantsOf(ledger, caller, run.asOf);
  const last = ['', ...run.tenantIds].map(asOf).reduce<Instant>(later, FROM_EVER);
  for await (const day of meterDue(ledger, caller, earlier(last, caller.now))) run.onMetered?.(day);
  for (let from = 0; from < run.tenantIds.length; from += AT_ONCE) {
    const drafted = await Promise.all(
      run.tenantIds
        .slice(from, from + AT_ONCE)
        .map((tenantId) => draft(ledger, caller, tenantId, { ...run, asOf: asOf(tenantId) })),
    );
    const issued = run.issue
      ? (await inOrder(drafted, (each, inTurn) => issue(ledger, caller, each, inTurn))).map(valueOf)
      : drafted;
    yield* await Promise.all(issued.map((each) => viewed(ledger, caller, each)));
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

async function viewed(ledger: Ledger, caller: Caller, { invoices, ...billing }: Billing): Promise<TenantBilled> {
  return unlessFailed<TenantBilled>({ ...billing, invoices: [] }, async () => ({
    ...billing,
    invoices: await Promise.all(invoices.map(async (id) => ledger.ask(invoice, { id }, caller))),
  }));
}

/** Records a failure in the result of its tenant, with what was done before. */
async function unlessFailed<Billed extends TenantBilled<unknown>>(
  billed: Billed,
  work: () => Promise<Billed>,
): Promise<Billed> {
  try {
    return await work();
  } catch (error) {
    return { ...billed, failure: errorOf(error) };
  }
}

const refusal = ({ code, message }: { readonly code: string; readonly message: string }): Error =>
  new Error(`${message} (${code})`);
