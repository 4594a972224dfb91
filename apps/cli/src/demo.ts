import type { z } from 'zod';
import { decimal, sum, text } from '#domain/money/decimal';
import { rateTotal } from '#domain/rates/rate';
import { type AnswerOf, type DefinedQuery, MAX_LIMIT } from '#ledger/query';
import { type Invoice, invoice, zDrafted } from '#operations/invoices';
import type { Ledger } from '#operations/ledger';
import { lines } from '#operations/lines';
import { margin } from '#operations/margin';
import { quote } from '#operations/quotes';
import { rates } from '#operations/rates';
import { tenants } from '#operations/tenants';
import { usage, usageRecords } from '#operations/usage';
import { isFree } from './demo/directory.js';
import { splitDrawing } from './demo/drawing.js';
import { APRIL, daysOf, MARCH, PILOT_COSTS, pilotDroplets, RATES, resourcesOfMarch, STUDIO } from './demo/input.js';
import { print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';

const NEXT = [
  'query margin period=2026-04-15',
  'query lines tenantId=dashboard-pilot at=2026-05-01T00:00:00Z',
  'query usage deploymentId=pilot-site start=2026-04-01T00:00:00Z end=2026-05-01T00:00:00Z --json',
  'query invoices tenantId=dashboard-pilot',
  'projections status',
  'up',
];

/** Runs the whole example. Each figure is computed live, and the data directory stays for trying the other commands. */
export async function run(_args: readonly string[], options: { dataDir: string; json: boolean }): Promise<number> {
  const onServer = (process.env['DATABASE_URL'] ?? '') !== '';
  if (!onServer && !(await isFree(options.dataDir))) return 1;
  const started = performance.now();
  // With --json the text of the example is progress (stderr), and its figures are the result.
  const story = await withLedger(options, async (ledger) => {
    const chapters = new Story(ledger, options.json ? say : print);
    // The demo's own directory is empty, but the log may be elsewhere.
    if (await chapters.hasTenants())
      throw new Error(
        onServer
          ? 'the database in DATABASE_URL already has tenants. Use an empty database for the demo.'
          : 'the log in EVENT_STORE_URL already has tenants. Use an empty log for the demo.',
      );
    await chapters.run();
    return chapters;
  });
  const dir = onServer || options.dataDir === './.ledgerline' ? '' : ` --data-dir ${quoted(options.dataDir)}`;
  const next = NEXT.map((command) => `npx ledgerline ${command}${dir}`);
  if (options.json) printJson({ ...story.figures, next });
  else {
    const where = onServer ? '' : ` The ledger is in ${options.dataDir}.`;
    print(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} s.${where} Try:`);
    for (const command of next) print(`  ${command}`);
  }
  return 0;
}

/** Quoted so that a shell reads it as one word. */
const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

type Usage = AnswerOf<typeof usage.answer>;

const cents = (value: string): string => decimal(value).toFixed(2);

class Story {
  /** The computed figures, by chapter. */
  readonly figures: Record<string, unknown> = {};

  constructor(
    private readonly ledger: Ledger,
    private readonly say: (text: string) => void,
  ) {}

  async run(): Promise<void> {
    await this.rates();
    await this.tenDaysOfMarch();
    await this.quote();
    this.unitPrice();
    await this.april();
    await this.margin();
    await this.correction();
  }

  async hasTenants(): Promise<boolean> {
    return (await this.ask(tenants, {})).items.length > 0;
  }

  private title(text: string): void {
    this.say(`\n${text}`);
  }

  private async ask<Params extends z.ZodObject, Answer extends z.ZodType>(
    query: DefinedQuery<Params, Answer>,
    params: z.input<Params>,
  ): Promise<AnswerOf<Answer>> {
    return this.ledger.ask(query, params, cliCaller('demo'));
  }

  private async apply(command: object): Promise<object> {
    const outcome = await this.ledger.execute(command, cliCaller('demo'));
    if (outcome.status === 'refused') throw new Error(`${outcome.command} was refused: ${outcome.error.message}`);
    return outcome.result ?? {};
  }

  private async rates(): Promise<void> {
    this.title('1. The rate catalog of a cloud provider: every price with its effective date');
    // The prices of one key are set in date order. Several keys are set at once, so that one transaction appends many.
    const byKey = Map.groupBy(RATES, ({ resourceType, resourceFamily, location }) =>
      JSON.stringify([resourceType, resourceFamily, location]),
    );
    const keys = [...byKey.values()];
    const queue = keys.values();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const rates of queue) for (const rate of rates) await this.apply({ command: 'set-rate', ...rate });
      }),
    );
    const known = await this.ask(rates, { limit: MAX_LIMIT });
    const zero = known.items.filter(({ unitPrice }) => unitPrice === '0').length;
    const dates = new Set(known.items.map(({ effectiveFrom }) => effectiveFrom)).size;
    const several = keys.filter((rates) => rates.length > 1).length;
    this.figures['rates'] = {
      count: known.items.length,
      keys: keys.length,
      keysWithSeveralDates: several,
      zeroPrices: zero,
    };
    this.say(
      `   ${known.items.length} rates of ${keys.length} keys, ${several} keys with several dates, ${dates} dates; ` +
        `${zero} prices of 0 (0 is a valid price)`,
    );
  }

  private async tenDaysOfMarch(): Promise<void> {
    this.title('2. Ten days of a 31-day month: 2 droplets, 2 zones, 3 snapshots of 16 GB');
    await this.apply({ command: 'register-tenant', tenantId: 'platform-admin', name: 'Platform', currency: 'USD' });
    const platform = { deploymentId: 'platform', tenantId: 'platform-admin', name: 'Platform', from: MARCH };
    await this.apply({ command: 'register-deployment', ...platform });
    for (const resource of resourcesOfMarch) await this.apply(resource);
    for (const date of daysOf('2026-03', 10)) await this.apply({ command: 'run-metering', date });
    const used = await this.usageOfMarch();
    const records = await this.records('platform');
    const { droplet_hours: hours = '0', dns_zones: zones = '0', snapshot_gb_month: snapshots = '0' } = used;
    this.say(`   ${records} usage records`);
    this.say(
      `   droplet_hours ${hours}, dns_zones ${zones} (${cents(zones)}), ` +
        `snapshot_gb_month ${snapshots} (${cents(snapshots)})`,
    );
    for (const date of daysOf('2026-03', 10)) await this.apply({ command: 'run-metering', date });
    const recordsMeteredAgain = await this.records('platform');
    this.figures['march'] = { usage: used, records, recordsMeteredAgain };
    this.say(`   metered again: still ${recordsMeteredAgain}`);
    // The ten days are over. The metering of April must not find these resources.
    for (const { provider, providerId } of resourcesOfMarch) {
      await this.apply({ command: 'remove-resource', provider, providerId, at: '2026-03-11T00:00:00Z' });
    }
  }

  private async usageOfMarch(): Promise<Usage> {
    return this.ask(usage, { deploymentId: 'platform', start: MARCH, end: '2026-04-01T00:00:00Z' });
  }

  private async records(deploymentId: string): Promise<number> {
    return (await this.ask(usageRecords, { deploymentId })).items.length;
  }

  private async quote(): Promise<void> {
    this.title('3. A quote on the plan Studio: 50.00 a month, 1488 droplet hours included, then 0.01 each');
    await this.apply(STUDIO);
    const quoted = await this.ask(quote, { planId: 'studio', usage: await this.usageOfMarch() });
    for (const { billingKind, quantity, included, billable, net } of quoted.lines.filter(
      (line) => line.quantity !== '0',
    )) {
      const terms = `used ${quantity.padEnd(16)} included ${included.padEnd(6)} billable ${billable.padEnd(4)}`;
      this.say(`   ${billingKind.padEnd(20)} ${terms} ${net.padStart(6)}`);
    }
    this.figures['quote'] = { total: quoted.total };
    this.say(`   total ${quoted.total}`);
  }

  private unitPrice(): void {
    this.title('4. Unit price × amount × duration, exactly');
    const [price, cores, minutes] = ['0.000171296', '4', '1000'] as const;
    const total = text(rateTotal(price, cores, minutes));
    this.figures['unitPrice'] = { price, cores, minutes, total };
    this.say(`   ${price} × ${cores} cores × ${minutes} minutes = ${total}`);
  }

  private async april(): Promise<void> {
    this.title('5. April of dashboard-pilot: 5 droplets on Studio, invoiced on 16 April, 23 April and 1 May');
    await this.apply({
      command: 'register-tenant',
      tenantId: 'dashboard-pilot',
      name: 'Dashboard Pilot',
      currency: 'USD',
    });
    const site = { deploymentId: 'pilot-site', from: APRIL.start };
    await this.apply({ command: 'register-deployment', ...site, tenantId: 'dashboard-pilot', name: 'Pilot site' });
    await this.apply({ command: 'start-subscription', ...site, subscriptionId: 'pilot-studio', planId: 'studio' });
    for (const droplet of pilotDroplets) await this.apply(droplet);
    for (const date of daysOf('2026-04', 30)) await this.apply({ command: 'run-metering', date });
    const invoices: Invoice[] = [];
    for (const asOf of ['2026-04-16T00:00:00Z', '2026-04-23T00:00:00Z', APRIL.end])
      invoices.push(await this.invoice(asOf));
    // Only charges for April count. The invoice of 1 May also has the base fee for May.
    const ofApril = invoices
      .flatMap(({ lines }) => lines)
      .filter(({ period, net }) => period.start < APRIL.end && net !== '0.00');
    const nets = ofApril.map(({ billingKind, net }) => (billingKind === 'base_fee' ? `base fee ${net}` : net));
    const total = sum(ofApril.map(({ net }) => decimal(net))).toFixed(2);
    this.say(`   April: ${nets.join(' + ')} = ${total}`);
    const used = await this.ask(usage, { deploymentId: 'pilot-site', ...APRIL });
    const unsplit = await this.ask(quote, { planId: 'studio', usage: used });
    const [baseFee, hours] = ['base_fee', 'droplet_hours'].map((kind) =>
      unsplit.lines.find(({ billingKind }) => billingKind === kind),
    );
    const overage = `(${hours?.quantity ?? '0'} − ${hours?.included ?? '0'}) × ${hours?.rows[0]?.unitAmount ?? '0'}`;
    this.say(`   unsplit: ${baseFee?.net ?? '0'} + ${overage} = ${unsplit.total}`);
    const issued = invoices.map(({ number, total: amount }) => ({ number, total: amount }));
    this.figures['april'] = { usage: used, invoices: issued, total, unsplit: unsplit.total };
  }

  private async dropletLines(at: string): Promise<AnswerOf<typeof lines.answer>['items']> {
    const asked = { tenantId: 'dashboard-pilot', billingKind: 'droplet_hours', at };
    return (await this.ask(lines, asked)).items;
  }

  private async invoice(asOf: string): Promise<Invoice> {
    const created = await this.apply({ command: 'create-invoice', tenantId: 'dashboard-pilot', asOf });
    const invoiceId = zDrafted.parse(created).invoices[0]?.invoiceId;
    if (invoiceId === undefined) throw new Error(`nothing is due as of ${asOf}`);
    await this.apply({ command: 'issue-invoice', invoiceId, at: asOf });
    const issued = await this.ask(invoice, { id: invoiceId });
    this.say(`   as of ${asOf}: ${issued.number ?? ''}, ${issued.total} USD`);
    for (const { billingKind, period, quantity, net } of issued.lines.filter((line) => line.net !== '0.00')) {
      const note = billingKind === 'base_fee' ? `in advance, for ${period.start.slice(0, 7)}` : `${quantity} hours`;
      const days = `[${period.start.slice(0, 10)}, ${period.end.slice(0, 10)})`;
      this.say(`     ${billingKind.padEnd(14)} ${days}  ${net.padStart(6)}  ${note}`);
    }
    const drawn = (await this.dropletLines(asOf)).filter(({ period }) => period.start < APRIL.end);
    for (const line of splitDrawing(drawn)) this.say(`     ${line}`);
    return issued;
  }

  private async margin(): Promise<void> {
    this.title("6. April's margin: revenue minus what the provider charged");
    await this.apply(PILOT_COSTS);
    const april = await this.ask(margin, { period: '2026-04-15' });
    for (const { tenantId, revenue, cogs, margin: left, marginPct } of april.byTenant) {
      this.say(`   ${tenantId.padEnd(16)} revenue ${revenue}  cost ${cogs}  margin ${left} (${marginPct ?? '-'} %)`);
    }
    this.say(`   unattributed     cost ${april.unattributed.cogs}`);
    const { overall, byTenant, unattributed } = april;
    this.say(`   overall          revenue ${overall.revenue}  cost ${overall.cogs}  margin ${overall.margin}`);
    this.figures['margin'] = { overall, byTenant, unattributed };
  }

  private async correction(): Promise<void> {
    this.title('7. A rate corrected in the past: known then, known now');
    const key = { resourceType: 'VmCores', resourceFamily: 'standard', location: 'hetzner-fsn1' };
    const june = { effectiveFrom: '2024-06-01T00:00:00Z', effectiveUntil: '2024-07-01T00:00:00Z' };
    const priceOf = async (asOf?: string): Promise<string> => {
      const { items } = await this.ask(rates, {
        ...key,
        at: june.effectiveFrom,
        asOf,
      });
      return items[0]?.unitPrice ?? 'none';
    };
    const before = await this.ledger.catchUp();
    const wrong = await priceOf();
    const right = text(decimal(wrong).times(decimal('0.1')));
    await this.apply({
      command: 'correct-rate',
      ...key,
      unitPrice: right,
      ...june,
      reason: 'demo: ten times too high',
    });
    const [knownThen, knownNow] = [await priceOf(String(before)), await priceOf()];
    this.say(
      `   ${Object.values(key).join('/')} at 2024-06-01: ` +
        `as known at position ${before} ${knownThen}, as known now ${knownNow}`,
    );
    this.figures['correction'] = { ...key, ...june, position: before, knownThen, knownNow };
  }
}
