import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decimal, sum, text } from '#domain/money/decimal';
import { rateTotal } from '#domain/rates/rate';
import type { Ledger } from '#ledger/ledger';
import { daysOf, MARCH, PILOT_COSTS, pilotDroplets, RATES, resourcesOfMarch, STUDIO } from './demo/input.js';
import { splitDrawing } from './demo/drawing.js';
import { print, say } from './output.js';
import { cliCaller, withLedger } from './session.js';

const MARKER = 'made-by-demo';

/** The whole story, each figure computed live, in a data directory that the other commands can be tried on. */
export async function run(_args: readonly string[], options: { dataDir: string; json: boolean }): Promise<number> {
  const onServer = (process.env['DATABASE_URL'] ?? '') !== '';
  if (!onServer && !(await freshDirectory(options.dataDir))) return 1;
  const started = performance.now();
  await withLedger(options, async (ledger) => {
    if (onServer && (await new Story(ledger).isBegun())) throw new Error('the database that DATABASE_URL names has tenants already: give the demo an empty one');
    await new Story(ledger).tell();
  });
  print(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.${onServer ? '' : ` The ledger is in ${options.dataDir}.`} Try:`);
  const dir = options.dataDir === './.ledgerline' ? '' : ` --data-dir ${options.dataDir}`;
  for (const next of [
    'query margin period=2026-04-15',
    'query lines tenantId=dashboard-pilot at=2026-05-01T00:00:00Z',
    'query usage deploymentId=pilot-site start=2026-04-01T00:00:00Z end=2026-05-01T00:00:00Z --json',
    'query invoices tenantId=dashboard-pilot',
    'projections status',
    'up',
  ]) {
    print(`  npx ledgerline ${next}${dir}`);
  }
  return 0;
}

/** A directory of an earlier demo is begun afresh; anyone else's is left alone. */
async function freshDirectory(dataDir: string): Promise<boolean> {
  const marker = join(dataDir, MARKER);
  if (existsSync(dataDir) && (await readdir(dataDir)).length > 0) {
    if (!existsSync(marker)) {
      say(`${dataDir} holds a ledger that the demo did not make: name another with --data-dir`);
      return false;
    }
    say(`${dataDir} is from an earlier demo: beginning afresh`);
    await stopServer(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  }
  await mkdir(dataDir, { recursive: true });
  await writeFile(marker, 'The demo may delete this directory and everything in it.\n');
  return true;
}

/** A server that was left running on the old directory must be gone before the directory is. */
async function stopServer(dataDir: string): Promise<void> {
  const { openDatabase } = await import('#postgres/pool');
  await (await openDatabase({ dataDir })).close();
}

interface Invoice {
  readonly invoiceId: string;
  readonly number: string;
  readonly total: string;
  readonly lines: readonly { readonly billingKind: string; readonly period: { start: string; end: string }; readonly quantity: string; readonly net: string }[];
}
interface Line {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly status: string;
  readonly billingKind: string;
  readonly period: { readonly start: string; readonly end: string };
  readonly invoiceId: string | null;
  readonly net: string;
}

const cents = (value: string): string => decimal(value).toFixed(2);

class Story {
  constructor(private readonly ledger: Ledger) {}

  async tell(): Promise<void> {
    await this.rates();
    await this.tenDaysOfMarch();
    await this.quote();
    this.unitPrice();
    await this.april();
    await this.margin();
    await this.correction();
  }

  async isBegun(): Promise<boolean> {
    return (await this.ask<{ items: unknown[] }>('tenants')).items.length > 0;
  }

  private async ask<Answer>(name: string, params: Record<string, unknown> = {}): Promise<Answer> {
    return (await this.ledger.ask(name, params, cliCaller('demo'))) as Answer;
  }

  private async apply(command: object): Promise<object> {
    const outcome = await this.ledger.execute(command, cliCaller('demo'));
    if (outcome.status === 'refused') throw new Error(`${outcome.command} was refused: ${outcome.error.message}`);
    return outcome.result ?? {};
  }

  private async rates(): Promise<void> {
    title('1. The rate catalog of a cloud: every price with the date from which it holds');
    // Each key's prices in order of their dates; keys side by side, which the log takes in one transaction.
    const keys = [...Map.groupBy(RATES, ({ resourceType, resourceFamily, location }) => JSON.stringify([resourceType, resourceFamily, location])).values()];
    const queue = keys.values();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const rates of queue) for (const rate of rates) await this.apply({ command: 'set-rate', ...rate });
      }),
    );
    const known = await this.ask<{ items: { unitPrice: string; effectiveFrom: string }[] }>('rates', { limit: '10000' });
    const zero = known.items.filter(({ unitPrice }) => unitPrice === '0').length;
    const dates = new Set(known.items.map(({ effectiveFrom }) => effectiveFrom)).size;
    const several = keys.filter((rates) => rates.length > 1).length;
    print(`   ${known.items.length} rates of ${keys.length} keys, ${several} keys with several dates, ${dates} dates; ${zero} prices of 0: a price of 0 is a price`);
  }

  private async tenDaysOfMarch(): Promise<void> {
    title('2. Ten days of a 31-day month: 2 droplets, 2 zones, 3 snapshots of 16 GB');
    await this.apply({ command: 'register-tenant', tenantId: 'platform-admin', name: 'Platform', currency: 'USD' });
    await this.apply({ command: 'register-deployment', deploymentId: 'platform', tenantId: 'platform-admin', name: 'Platform', from: MARCH });
    for (const resource of resourcesOfMarch) await this.apply(resource);
    for (const date of daysOf('2026-03', 10)) await this.apply({ command: 'run-metering', date });
    const usage = await this.usageOfMarch();
    print(`   ${await this.records('platform')} usage records`);
    print(`   droplet_hours ${usage['droplet_hours']}, dns_zones ${usage['dns_zones']} (${cents(usage['dns_zones'] ?? '0')}), snapshot_gb_month ${usage['snapshot_gb_month']} (${cents(usage['snapshot_gb_month'] ?? '0')})`);
    for (const date of daysOf('2026-03', 10)) await this.apply({ command: 'run-metering', date });
    print(`   metered again: still ${await this.records('platform')}`);
    // Their ten days are over: April's metering finds them gone.
    for (const { provider, providerId } of resourcesOfMarch) await this.apply({ command: 'remove-resource', provider, providerId, at: '2026-03-11T00:00:00Z' });
  }

  private async usageOfMarch(): Promise<Record<string, string>> {
    return this.ask('usage', { deploymentId: 'platform', start: MARCH, end: '2026-04-01T00:00:00Z' });
  }

  private async records(deploymentId: string): Promise<number> {
    return (await this.ask<{ items: unknown[] }>('usage-records', { deploymentId })).items.length;
  }

  private async quote(): Promise<void> {
    title('3. Quoted on the plan Studio: 50.00 a month, 1488 droplet hours included, then 0.01 each');
    await this.apply(STUDIO);
    const quote = await this.ask<{ total: string; lines: { billingKind: string; quantity: string; included: string; billable: string; net: string }[] }>('quote', {
      planId: 'studio',
      usage: await this.usageOfMarch(),
    });
    for (const { billingKind, quantity, included, billable, net } of quote.lines.filter((line) => line.quantity !== '0')) {
      print(`   ${billingKind.padEnd(20)} used ${quantity.padEnd(16)} included ${included.padEnd(6)} billable ${billable.padEnd(4)} ${net.padStart(6)}`);
    }
    print(`   total ${quote.total}`);
  }

  private unitPrice(): void {
    title('4. Unit price × amount × duration, exactly');
    const [price, cores, minutes] = ['0.000171296', '4', '1000'] as const;
    print(`   ${price} × ${cores} cores × ${minutes} minutes = ${text(rateTotal(price, cores, minutes))}`);
  }

  private async april(): Promise<void> {
    title('5. April of dashboard-pilot: 5 droplets on Studio, invoiced as the month goes');
    await this.apply({ command: 'register-tenant', tenantId: 'dashboard-pilot', name: 'Dashboard Pilot', currency: 'USD' });
    await this.apply({ command: 'register-deployment', deploymentId: 'pilot-site', tenantId: 'dashboard-pilot', name: 'Pilot site', from: '2026-04-01T00:00:00Z' });
    await this.apply({ command: 'start-subscription', subscriptionId: 'pilot-studio', deploymentId: 'pilot-site', planId: 'studio', from: '2026-04-01T00:00:00Z' });
    for (const droplet of pilotDroplets) await this.apply(droplet);
    for (const date of daysOf('2026-04', 30)) await this.apply({ command: 'run-metering', date });
    for (const asOf of ['2026-04-16T00:00:00Z', '2026-04-23T00:00:00Z', '2026-05-01T00:00:00Z']) await this.invoice(asOf);
    const parts = await this.aprilParts();
    const april = parts.map(({ net }) => decimal(net));
    print(`   April: base fee 50.00 + ${parts.map(({ net }) => net).join(' + ')} = ${sum([decimal('50.00'), ...april]).toFixed(2)}`);
    print(`   unsplit: 50.00 + (3600 − 1488) × 0.01 = ${decimal('50').plus(decimal('2112').times(decimal('0.01'))).toFixed(2)}`);
  }

  private async aprilParts(): Promise<Line[]> {
    return (await this.dropletLines('2026-05-01T00:00:00Z')).filter(({ status, period }) => status === 'valid' && period.start < '2026-05');
  }

  private async dropletLines(at: string): Promise<Line[]> {
    return (await this.ask<{ items: Line[] }>('lines', { tenantId: 'dashboard-pilot', billingKind: 'droplet_hours', at })).items;
  }

  private async invoice(asOf: string): Promise<void> {
    const created = (await this.apply({ command: 'create-invoice', tenantId: 'dashboard-pilot', asOf })) as { invoices: { invoiceId: string }[] };
    const invoiceId = created.invoices[0]?.invoiceId;
    if (invoiceId === undefined) throw new Error(`nothing was due as of ${asOf}`);
    await this.apply({ command: 'issue-invoice', invoiceId, at: asOf });
    const invoice = await this.ask<Invoice>('invoice', { id: invoiceId });
    print(`   as of ${asOf}: ${invoice.number}, ${invoice.total} USD`);
    for (const { billingKind, period, quantity, net } of invoice.lines.filter((line) => line.net !== '0.00')) {
      const note = billingKind === 'base_fee' ? `in advance, for ${period.start.slice(0, 7)}` : `${quantity} hours`;
      print(`     ${billingKind.padEnd(14)} [${period.start.slice(0, 10)}, ${period.end.slice(0, 10)})  ${net.padStart(6)}  ${note}`);
    }
    for (const line of splitDrawing((await this.dropletLines(asOf)).filter(({ period }) => period.start < '2026-05'))) print(`     ${line}`);
  }

  private async margin(): Promise<void> {
    title("6. Against what the provider charged: April's margin");
    await this.apply(PILOT_COSTS);
    const margin = await this.ask<{
      overall: Record<string, string>;
      byTenant: (Record<string, string> & { tenantId: string })[];
      unattributed: { cogs: string };
    }>('margin', { period: '2026-04-15' });
    for (const tenant of margin.byTenant) {
      print(`   ${tenant.tenantId.padEnd(16)} revenue ${tenant['revenue']}  cost ${tenant['cogs']}  margin ${tenant['margin']} (${tenant['marginPct'] ?? '-'} %)`);
    }
    print(`   unattributed     cost ${margin.unattributed.cogs}`);
    const { revenue, cogs, margin: total } = margin.overall;
    print(`   overall          revenue ${revenue}  cost ${cogs}  margin ${total}`);
  }

  private async correction(): Promise<void> {
    title('7. A rate corrected in the past: known then, known now');
    const key = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'hetzner-fsn1' };
    const priceOf = async (asOf?: string): Promise<string> => {
      const { items } = await this.ask<{ items: { unitPrice: string; period: { start: string } }[] }>('rates', { ...key, at: '2024-06-01T00:00:00Z', asOf });
      return items[0]?.unitPrice ?? 'none';
    };
    const before = await this.ledger.catchUp();
    const wrong = await priceOf();
    const right = text(decimal(wrong).times(decimal('0.1')));
    await this.apply({ command: 'correct-rate', ...key, unitPrice: right, effectiveFrom: '2024-06-01T00:00:00Z', effectiveUntil: '2024-07-01T00:00:00Z', reason: 'demo: ten times too high' });
    print(`   ${Object.values(key).join('/')} at 2024-06-01: as known at position ${before} ${await priceOf(String(before))}, as known now ${await priceOf()}`);
  }
}

const title = (text: string): void => {
  print(`\n${text}`);
};
