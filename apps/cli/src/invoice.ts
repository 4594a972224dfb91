import { parse, zInstant } from '#domain/schema';
import type { Instant } from '#domain/time/instant';
import type { Ledger } from '#ledger/ledger';
import { print, printJson, progress, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { given } from './wrong-usage.js';

interface Invoice {
  readonly invoiceId: string;
  readonly number: string | null;
  readonly status: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly total: string;
  readonly lines: readonly { billingKind: string; period: object; quantity: string; net: string; correction: boolean }[];
}

/** Creates, and with --issue issues, what is due as of an instant. The same again finds what is there. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; asOf?: unknown; tenant?: unknown; issue?: unknown },
): Promise<number> {
  const asOf = given(() => parse(zInstant, options.asOf, '--as-of'));
  return withLedger(options, async (ledger) => {
    const tenants = typeof options.tenant === 'string' ? [options.tenant] : await allTenants(ledger);
    const invoices: Invoice[] = [];
    let refused = 0;
    const shown = progress();
    for (const [index, tenantId] of tenants.entries()) {
      shown.show(index / tenants.length, `tenant ${tenantId}`);
      try {
        invoices.push(...(await invoiced(ledger, tenantId, asOf, options.issue === true)));
      } catch (error) {
        // One tenant's refusal does not keep the others from being billed.
        refused += 1;
        say(`tenant ${tenantId}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    shown.end();
    if (options.json) printJson({ invoices });
    else invoices.forEach(show);
    if (!options.json && invoices.length === 0 && refused === 0) say(`nothing is due as of ${asOf}`);
    return refused > 0 ? 1 : 0;
  });
}

async function allTenants(ledger: Ledger): Promise<string[]> {
  const tenants: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = (await ledger.ask('tenants', { cursor }, cliCaller())) as { items: { tenantId: string }[]; nextCursor: string | null };
    tenants.push(...page.items.map(({ tenantId }) => tenantId));
    cursor = page.nextCursor;
  }
  return tenants;
}

async function invoiced(ledger: Ledger, tenantId: string, asOf: Instant, issue: boolean): Promise<Invoice[]> {
  const created = await carriedOut(ledger, { command: 'create-invoice', tenantId, asOf });
  const invoices: Invoice[] = [];
  for (const { invoiceId } of (created as { invoices: { invoiceId: string }[] }).invoices) {
    const draft = (await ledger.ask('invoice', { id: invoiceId }, cliCaller())) as Invoice;
    if (issue && draft.status === 'draft') await carriedOut(ledger, { command: 'issue-invoice', invoiceId, at: asOf });
    invoices.push(issue ? ((await ledger.ask('invoice', { id: invoiceId }, cliCaller())) as Invoice) : draft);
  }
  return invoices;
}

async function carriedOut(ledger: Ledger, command: object): Promise<object> {
  const outcome = await ledger.execute(command, cliCaller());
  if (outcome.status === 'refused') throw new Error(`${outcome.error.message} (${outcome.error.code})`);
  const result: { quarantined?: { code: string; message: string }[] } = outcome.result ?? {};
  for (const { code, message } of result.quarantined ?? []) say(`not billed (${code}): ${message}`);
  return result;
}

function show(invoice: Invoice): void {
  print(`${invoice.number ?? 'draft'}  ${invoice.tenantId}  ${invoice.status}  ${invoice.total} ${invoice.currency}  (${invoice.invoiceId})`);
  const lines = invoice.lines.map(({ billingKind, period, quantity, net, correction }) => {
    return { line: correction ? `${billingKind} (correction)` : billingKind, period, quantity, net };
  });
  if (lines.length > 0) print(table(lines).replace(/^/gm, '  '));
}
