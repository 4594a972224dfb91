import { decimal, text } from '#domain/money/decimal';
import { type Instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';
import { ADMIN, type TestLedger, testLedger } from '../../support/ledger.js';
import { expectReplayToBeLive } from '../../support/replay.js';
import type { Command, InvoiceName, PartFigures, QuarantineFigures, RowFigures, UnbilledFigures } from './scenario.js';
import { type Billed, type InvoiceFigures, type Ledger, Refused } from './tell.js';

type Row = Required<RowFigures>;
type OfLine = Pick<Row, 'billingKind' | 'deploymentId'>;
type RowOfLine = Omit<Row, keyof OfLine | 'period'> & { readonly chargePeriod: Period };
interface InvoiceView {
  readonly invoiceId: string;
  readonly number: string;
  readonly status: string;
  readonly lines: readonly (OfLine & { readonly rows: readonly RowOfLine[] })[];
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
}
interface LineView {
  readonly lineId: string;
  readonly parentLineId: string | null;
  readonly status: 'valid' | 'split';
  readonly invoiceId: string | null;
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly period: Period;
  readonly quantity: string;
  readonly net: string;
}
interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}
interface Quarantined {
  readonly lineId: string;
  readonly code: string;
}

/**
 * The whole stack, as its users meet it: commands through the bus into the log, and queries of read models in Postgres.
 */
export class StackLedger implements Ledger {
  private readonly currencies = new Map<string, string>();
  private constructor(private readonly test: TestLedger) {}

  static async start(): Promise<StackLedger> {
    return new StackLedger(await testLedger());
  }
  async close(): Promise<void> {
    await this.test.close();
  }
  /** The read models equal a replay of the log from nothing. */
  async expectReplayToBeLive(): Promise<void> {
    await this.test.ledger.catchUp();
    await expectReplayToBeLive(this.test.url);
  }

  async apply(command: Command): Promise<void> {
    await this.execute(command);
    if (command.command === 'register-tenant') this.currencies.set(command.tenantId, command.currency);
  }
  private async execute(command: object): Promise<unknown> {
    const outcome = await this.test.ledger.execute(command, ADMIN);
    if (outcome.status === 'refused') throw new Refused(outcome.error.code, outcome.error.message);
    return outcome.result;
  }

  async bill({ tenantId, asOf }: InvoiceName): Promise<Billed> {
    const created = (await this.execute({ command: 'create-invoice', tenantId, asOf })) as {
      invoices: { invoiceId: string }[];
      quarantined?: Quarantined[];
    };
    const quarantined = await this.kindsOf(tenantId, asOf, created.quarantined ?? []);
    const [draft] = created.invoices;
    if (draft === undefined) return { invoice: null, quarantined };
    await this.execute({ command: 'issue-invoice', invoiceId: draft.invoiceId, at: asOf });
    return {
      invoice: invoiceFigures(await this.test.ask<InvoiceView>('invoice', { id: draft.invoiceId })),
      quarantined,
    };
  }

  async void(invoiceId: string, at: Instant, reason: string): Promise<void> {
    await this.execute({ command: 'void-invoice', invoiceId, at, reason });
  }
  async pay(invoiceId: string, at: Instant): Promise<void> {
    await this.execute({ command: 'pay-invoice', invoiceId, at });
  }

  async booked(tenantId: string): Promise<Row[]> {
    const invoices = await this.all<InvoiceView>('invoices', { tenantId });
    return invoices
      .filter(({ status }) => status === 'issued' || status === 'paid')
      .flatMap((each) => invoiceFigures(each).rows);
  }

  async parts(deploymentId: string, billingKind: string, within: Period): Promise<Required<PartFigures>[]> {
    const lines = await this.all<LineView>('lines', { billingKind, status: 'valid', at: within.end });
    const own = lines.filter(
      (line) =>
        line.deploymentId === deploymentId &&
        !isBefore(line.period.start, within.start) &&
        !isBefore(within.end, line.period.end),
    );
    return own.map(({ period, quantity, net, invoiceId }) => ({
      period,
      quantity,
      net,
      state: invoiceId === null ? 'open' : 'billed',
    }));
  }

  async unbilled(): Promise<UnbilledFigures[]> {
    const items = await this.all<UnbilledFigures>('unbilled', {});
    return items.map(({ deploymentId, billingKind, reason, quantity }) => ({
      deploymentId,
      billingKind,
      reason,
      quantity,
    }));
  }

  currencyOf(tenantId: string): string {
    const currency = this.currencies.get(tenantId);
    if (currency === undefined) throw new Error(`tenant ${tenantId} is not registered`);
    return currency;
  }

  /** A quarantine names its line. */
  private async kindsOf(
    tenantId: string,
    at: Instant,
    quarantined: readonly Quarantined[],
  ): Promise<QuarantineFigures[]> {
    if (quarantined.length === 0) return [];
    const lines = await this.all<LineView>('lines', { tenantId, at });
    return quarantined.map(({ lineId, code }) => ({
      billingKind: lines.find((line) => line.lineId === lineId)?.billingKind ?? lineId,
      code,
    }));
  }

  private async all<Item>(query: string, params: Record<string, unknown>): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<Item> = await this.test.ask<Page<Item>>(query, {
        ...params,
        ...(cursor === undefined ? {} : { cursor }),
      });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }
}

function invoiceFigures({ invoiceId, number, lines, subtotal, tax, total }: InvoiceView): InvoiceFigures {
  const rows = lines.flatMap(({ billingKind, deploymentId, rows: ofLine }) =>
    ofLine.map(({ kind, chargePeriod: period, ref, quantity, unitAmount, discount, net, tax: rowTax }): Row => {
      const priced = { kind, ref, quantity, unitAmount: text(decimal(unitAmount)), discount, net, tax: rowTax };
      return { billingKind, deploymentId, period, ...priced };
    }),
  );
  return { invoiceId, number, rows, subtotal, tax, total };
}
