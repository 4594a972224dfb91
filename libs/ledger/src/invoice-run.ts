import type { Instant } from '#domain/time/instant';
import type { Caller } from './caller.js';
import type { Ledger } from './ledger.js';

export interface InvoiceRun {
  readonly asOf: Instant;
  readonly tenantIds: readonly string[];
  /** Issues what it creates, and what it finds as drafts of the same instant. */
  readonly issue: boolean;
}

/** What a run came to for one tenant. */
export interface TenantBilled<Invoice> {
  readonly tenantId: string;
  readonly invoices: readonly Invoice[];
  /** Lines that could not be billed, and why. */
  readonly quarantined: readonly { readonly code: string; readonly message: string }[];
  /** Why it ended early; the invoices that there are by then are kept. Null: it did not. */
  readonly failure: Error | null;
}

interface Drafted {
  readonly invoices: readonly { readonly invoiceId: string }[];
  readonly quarantined?: TenantBilled<unknown>['quarantined'];
}

/** Every tenant, in order. */
export async function tenantIds(ledger: Ledger, caller: Caller): Promise<string[]> {
  const tenants: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = (await ledger.ask('tenants', { cursor }, caller)) as { items: { tenantId: string }[]; nextCursor: string | null };
    tenants.push(...page.items.map(({ tenantId }) => tenantId));
    cursor = page.nextCursor;
  }
  return tenants;
}

/** Bills tenants as of an instant, in order. The same again finds what is there; one tenant's refusal does not keep the others from being billed. */
export async function* invoiceRun<Invoice extends { readonly status: string }>(ledger: Ledger, caller: Caller, run: InvoiceRun): AsyncGenerator<TenantBilled<Invoice>> {
  for (const tenantId of run.tenantIds) {
    const invoices: Invoice[] = [];
    const quarantined: TenantBilled<Invoice>['quarantined'][number][] = [];
    try {
      const drafted = (await carriedOut(ledger, caller, { command: 'create-invoice', tenantId, asOf: run.asOf })) as Drafted;
      quarantined.push(...(drafted.quarantined ?? []));
      for (const { invoiceId } of drafted.invoices) {
        const draft = (await ledger.ask('invoice', { id: invoiceId }, caller)) as Invoice;
        if (run.issue && draft.status === 'draft') await carriedOut(ledger, caller, { command: 'issue-invoice', invoiceId, at: run.asOf });
        invoices.push(run.issue ? ((await ledger.ask('invoice', { id: invoiceId }, caller)) as Invoice) : draft);
      }
      yield { tenantId, invoices, quarantined, failure: null };
    } catch (error) {
      yield { tenantId, invoices, quarantined, failure: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}

async function carriedOut(ledger: Ledger, caller: Caller, command: object): Promise<object> {
  const outcome = await ledger.execute(command, caller);
  if (outcome.status === 'refused') throw new Error(`${outcome.error.message} (${outcome.error.code})`);
  return outcome.result ?? {};
}
