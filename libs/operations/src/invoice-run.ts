import { earlier, type Instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { inOrder, valueOf } from '#ledger/appending/in-order';
import type { AnswerOf } from '#ledger/query';
import { type Invoice, invoice, zDrafted, zIssued } from './invoices.js';
import type { Ledger } from './ledger.js';
import { meterDue } from './metering-run.js';
import { tenants } from './tenants.js';

export interface InvoiceRun {
  readonly asOf: Instant;
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
  readonly invoices: readonly Billed[];
  /** Lines that could not be billed, and why. */
  readonly quarantined: readonly { readonly lineId: string; readonly code: string; readonly message: string }[];
  /** Why the run failed for this tenant. Invoices created before are kept. null: it did not fail. */
  readonly failure: Error | null;
}

/** The ids of all tenants, in order. */
export async function tenantIds(ledger: Ledger, caller: Caller): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: AnswerOf<typeof tenants.answer> = await ledger.ask(
      tenants,
      cursor === undefined ? {} : { cursor },
      caller,
    );
    ids.push(...page.items.map(({ tenantId }) => tenantId));
    cursor = page.nextCursor;
  }
  return ids;
}

/** Tenants billed at the same time: their events are appended and projected together. */
const AT_ONCE = 32;

/**
 * Meters the days that are due, then bills tenants as of an instant and issues their invoices in order. A second run
 * finds the same invoices. A failure of one tenant does not stop the others.
 */
export async function* invoiceRun(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled> {
  for await (const day of meterDue(ledger, caller, earlier(run.asOf, caller.now))) run.onMetered?.(day);
  for (let from = 0; from < run.tenantIds.length; from += AT_ONCE) {
    const drafted = await Promise.all(
      run.tenantIds.slice(from, from + AT_ONCE).map((tenantId) => draft(ledger, caller, tenantId, run)),
    );
    const issued = run.issue
      ? (await inOrder(drafted, (each, inTurn) => issue(ledger, caller, each, run.asOf, inTurn))).map(valueOf)
      : drafted;
    yield* await Promise.all(issued.map((each) => viewed(ledger, caller, each)));
  }
}

/** Issued before at another instant, or paid. */
const ISSUED_ALREADY: readonly string[] = ['conflicting_body', 'invoice_not_draft'];

/** The progress for one tenant: the ids of its invoices. */
type Billing = TenantBilled<string>;

async function draft(
  ledger: Ledger,
  caller: Caller,
  tenantId: string,
  { asOf, unmetered }: InvoiceRun,
): Promise<Billing> {
  const billing: Billing = { tenantId, invoices: [], quarantined: [], failure: null };
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

async function issue(
  ledger: Ledger,
  caller: Caller,
  billing: Billing,
  asOf: Instant,
  inTurn: () => Promise<void>,
): Promise<Billing> {
  return unlessFailed(billing, async () => {
    const quarantined = new Map(billing.quarantined.map((each) => [each.lineId, each]));
    for (const invoiceId of billing.invoices) {
      const outcome = await ledger.execute({ command: 'issue-invoice', invoiceId, at: asOf }, caller, { inTurn });
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
    return { ...billed, failure: error instanceof Error ? error : new Error(String(error)) };
  }
}

const refusal = ({ code, message }: { readonly code: string; readonly message: string }): Error =>
  new Error(`${message} (${code})`);
