import { z } from 'zod';
import { parse, zDate, zInstant } from '#domain/schema';
import { invoiceRun, tenantIds } from '#operations/invoice-run';
import type { Invoice } from '#operations/invoices';
import { counted, print, printJson, progress, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption } from './wrong-usage.js';

const zUnmetered = z.literal('bill').optional();

/**
 * Meters what is due, then creates (and with --issue issues) the invoices due as of an instant. A second run finds the
 * same invoices.
 */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; asOf?: unknown; tenant?: unknown; issue?: unknown; unmetered?: unknown },
): Promise<number> {
  const isDate = zDate.safeParse(options.asOf).success;
  const asOf = isDate ? String(options.asOf) : readOption(() => parse(zInstant, options.asOf, '--as-of'));
  const unmetered = readOption(() => parse(zUnmetered, options.unmetered, '--unmetered'));
  return withLedger(options, async (ledger) => {
    const caller = cliCaller();
    const tenants = typeof options.tenant === 'string' ? [options.tenant] : await tenantIds(ledger, caller);
    const invoices: Invoice[] = [];
    const instants = new Set<string>();
    let [billed, refused] = [0, 0];
    const shown = progress();
    for await (const { tenantId, failure, quarantined, ...of } of invoiceRun(ledger, caller, {
      asOf,
      tenantIds: tenants,
      issue: options.issue === true,
      unmetered,
      onMetered: ({ date, count }) => {
        say(`metered ${date}: ${counted(count, 'record')}`);
      },
    })) {
      for (const { code, message } of quarantined) say(`not billed (${code}): ${message}`);
      if (failure !== null) say(`tenant ${tenantId}: ${failure.message}`);
      if (failure !== null) refused += 1;
      instants.add(of.asOf);
      invoices.push(...of.invoices);
      billed += 1;
      shown.show(billed / tenants.length, `${billed} of ${tenants.length} tenants`);
    }
    shown.end();
    if (isDate)
      say(`${asOf} is midnight in the time zone of each tenant: ${[...instants].sort().join(', ') || 'there is none'}`);
    if (options.json) printJson({ invoices });
    else invoices.forEach(show);
    if (!options.json && invoices.length === 0 && refused === 0) say(`nothing is due as of ${asOf}`);
    return refused > 0 ? 1 : 0;
  });
}

function show(invoice: Invoice): void {
  const { invoiceId, number, tenantId, status, total, currency } = invoice;
  print(`${number ?? '-'}  ${tenantId}  ${status}  ${total} ${currency}  (${invoiceId})`);
  const lines = invoice.lines.map(({ billingKind, period, quantity, net, correction }) => {
    return { line: correction ? `${billingKind} (correction)` : billingKind, period, quantity, net };
  });
  if (lines.length > 0) print(table(lines).replace(/^/gm, '  '));
}
