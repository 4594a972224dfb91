import type { Instant } from '#domain/time/instant';
import type { Caller } from '#ledger/caller';
import { inOrder, valueOf } from '#ledger/appending/in-order';
import type { AnswerOf } from '#ledger/query';
import { type Invoice, invoice, zDrafted, zIssued } from './invoices.js';
import type { Ledger } from './ledger.js';
import { tenants } from './tenants.js';

export interface InvoiceRun {
  readonly asOf: Instant;
  readonly tenantIds: readonly string[];
  /** Issues what it creates, and what it finds as drafts of the same instant. */
  readonly issue: boolean;
}

/** What a run came to for one tenant. */
export interface TenantBilled<Billed = Invoice> {
  readonly tenantId: string;
  readonly invoices: readonly Billed[];
  /** Lines that could not be billed, and why. */
  readonly quarantined: readonly { readonly lineId: string; readonly code: string; readonly message: string }[];
  /** Why it ended early; the invoices that there are by then are kept. Null: it did not. */
  readonly failure: Error | null;
}

/** Every tenant, in order. */
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

/** Tenants that are billed at the same time: what they record is then written, and projected, together. */
const AT_ONCE = 32;

/** Bills tenants as of an instant, and issues in their order. The same again finds what is there; one tenant's refusal does not keep the others from being billed. */
export async function* invoiceRun(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled> {
  for (let from = 0; from < run.tenantIds.length; from += AT_ONCE) {
    const drafted = await Promise.all(
      run.tenantIds.slice(from, from + AT_ONCE).map((tenantId) => draft(ledger, caller, tenantId, run.asOf)),
    );
    const issued = run.issue
      ? (await inOrder(drafted, (each, inTurn) => issue(ledger, caller, each, run.asOf, inTurn))).map(valueOf)
      : drafted;
    yield* await Promise.all(issued.map((each) => viewed(ledger, caller, each)));
  }
}

/** By this command at another instant, or paid since. */
const ISSUED_ALREADY: readonly string[] = ['conflicting_body', 'invoice_not_draft'];

/** How far a tenant's billing is: ids of its invoices. */
type Billing = TenantBilled<string>;

async function draft(ledger: Ledger, caller: Caller, tenantId: string, asOf: Instant): Promise<Billing> {
  const billing: Billing = { tenantId, invoices: [], quarantined: [], failure: null };
  return unlessFailed(billing, async () => {
    const outcome = await ledger.execute({ command: 'create-invoice', tenantId, asOf }, caller);
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
      // What could be drafted, and can't be rated any more by now.
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

/** One tenant's failure is its own; what there is by then is kept. */
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
