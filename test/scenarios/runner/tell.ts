import { isDeepStrictEqual } from 'node:util';
import { decimal, sum } from '#domain/money/decimal';
import { scaleOf } from '#domain/money/money';
import { compareInstants, type Instant } from '#domain/time/instant';
import { type Period, samePeriod } from '#domain/time/period';
import { type Place, placeText } from './blocks.js';
import type {
  Command,
  InvoiceName,
  PartFigures,
  QuarantineFigures,
  RowFigures,
  Said,
  Step,
  TotalFigures,
  UnbilledFigures,
} from './scenario.js';

/** A command that was refused, with its code. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface InvoiceFigures extends Required<TotalFigures> {
  readonly invoiceId: string;
  readonly rows: readonly Required<RowFigures>[];
}
/** What billing as of an instant came to; `invoice` is null where nothing was due. */
export interface Billed {
  readonly invoice: InvoiceFigures | null;
  readonly quarantined: readonly QuarantineFigures[];
}

/** Runs a story: commands in, figures out. There are two: the pure engine, and the whole stack. */
export interface Ledger {
  /** Carries out a command; throws Refused. */
  apply(command: Command): Promise<void>;
  /** The invoice of a tenant as of an instant, issued at once. */
  bill(name: InvoiceName): Promise<Billed>;
  /** Both throw Refused. */
  void(invoiceId: string, at: Instant, reason: string): Promise<void>;
  pay(invoiceId: string, at: Instant): Promise<void>;
  /** Rows of all issued invoices of a tenant that are not void. */
  booked(tenantId: string): Promise<readonly Pick<RowFigures, 'billingKind' | 'net'>[]>;
  /** The parts of a deployment's lines of a kind that lie within a period, as they stand at its end. */
  parts(deploymentId: string, billingKind: string, within: Period): Promise<readonly Required<PartFigures>[]>;
  unbilled(): Promise<readonly UnbilledFigures[]>;
  currencyOf(tenantId: string): string;
}

/** A story told to a ledger: what differs from its figures, a line each, and every invoice that was made of it. */
export interface Told {
  readonly differences: readonly string[];
  readonly bills: readonly Billed[];
}

export async function tell(steps: readonly Step[], ledger: Ledger): Promise<Told> {
  const telling = new Telling(ledger);
  for (const step of steps) await telling.step(step);
  return telling;
}

class Telling implements Told {
  readonly differences: string[] = [];
  readonly bills: Billed[] = [];
  private readonly invoiceIds = new Map<string, string>();
  constructor(private readonly ledger: Ledger) {}

  async step(step: Step): Promise<void> {
    switch (step.step) {
      case 'command':
        return this.action(step, () => this.ledger.apply(step.command));
      case 'void':
        return this.action(step, () => this.ledger.void(this.invoiceId(step.name), step.at, step.reason));
      case 'pay':
        return this.action(step, () => this.ledger.pay(this.invoiceId(step.name), step.at));
      case 'invoice':
        return this.invoice(step);
      case 'expect-billed':
        return this.billed(step);
      case 'expect-parts':
        return this.parts(step);
      case 'expect-unbilled':
        this.compareRows(step.place, step.items, await this.ledger.unbilled(), 'unbilled');
    }
  }

  private differ(place: Place, what: string): void {
    this.differences.push(`${placeText(place)}: ${what}`);
  }

  private async action(
    { place, refused }: { place: Place; refused: string | null },
    act: () => Promise<void>,
  ): Promise<void> {
    try {
      await act();
      if (refused !== null) this.differ(place, `was not refused; the story says ${refused}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code !== refused) this.differ(place, `was refused: ${error.code}: ${error.message}`);
    }
  }

  private invoiceId(name: InvoiceName): string {
    return this.invoiceIds.get(nameText(name)) ?? `none of ${nameText(name)}`;
  }

  private async invoice({ place, name, expected }: Extract<Step, { step: 'invoice' }>): Promise<void> {
    const billed = await this.ledger.bill(name);
    const { invoice, quarantined } = billed;
    this.bills.push(billed);
    if (invoice !== null) this.invoiceIds.set(nameText(name), invoice.invoiceId);
    this.compareRows(place, expected.quarantined, quarantined, 'quarantined');
    if (invoice === null) {
      if (!expected.isNothing) this.differ(place, 'nothing is due');
      return;
    }
    if (expected.isNothing) this.differ(place, `there is an invoice, of ${invoice.total}`);
    for (const { place: said, ...total } of expected.totals) this.compareTotals(said, total, invoice);
    if (expected.rows.length > 0) this.compareRows(place, expected.rows, invoice.rows, 'row');
    this.addsUp(place, invoice);
  }

  private compareTotals(place: Place, said: TotalFigures, invoice: InvoiceFigures): void {
    for (const [field, value] of Object.entries(said)) {
      const actual = invoice[field as keyof TotalFigures];
      if (actual !== value) this.differ(place, `${field} is ${actual}, not ${value}`);
    }
  }

  /** The rows of an invoice add up to its header, even if the story does not mention them. */
  private addsUp(place: Place, { rows, subtotal, tax, total }: InvoiceFigures): void {
    const [net, taxes] = [sum(rows.map((row) => decimal(row.net))), sum(rows.map((row) => decimal(row.tax)))];
    const header = [subtotal, tax, total].map((amount) => decimal(amount));
    if (![net, taxes, net.plus(taxes)].every((amount, index) => header[index]?.eq(amount) === true))
      this.differ(
        place,
        `rows of ${net.toFixed()} with tax of ${taxes.toFixed()} do not add up to ${subtotal} + ${tax} = ${total}`,
      );
  }

  private async billed({
    place,
    tenantId,
    billingKind,
    amount,
  }: Extract<Step, { step: 'expect-billed' }>): Promise<void> {
    const rows = (await this.ledger.booked(tenantId)).filter(
      (row) => billingKind === null || row.billingKind === billingKind,
    );
    const actual = sum(rows.map(({ net }) => decimal(net))).toFixed(scaleOf(this.ledger.currencyOf(tenantId)));
    if (actual !== amount) this.differ(place, `${actual} is billed, not ${amount}`);
  }

  private async parts({
    place,
    deploymentId,
    billingKind,
    period,
    parts,
  }: Extract<Step, { step: 'expect-parts' }>): Promise<void> {
    const actual = await this.ledger.parts(deploymentId, billingKind, period);
    this.compareRows(place, parts, actual, 'part');
    const inOrder = actual.map((part) => part.period).sort((a, b) => compareInstants(a.start, b.start));
    const starts = [...inOrder.map(({ start }) => start), period.end];
    const ends = [period.start, ...inOrder.map(({ end }) => end)];
    if (!isDeepStrictEqual(starts, ends))
      this.differ(place, `the parts do not tile ${periodText(period)}: ${inOrder.map(periodText).join(', ')}`);
  }

  /** What the story lists is there, and nothing else; a field that it leaves out may be anything. */
  private compareRows<Figures extends object>(
    place: Place,
    said: readonly Said<Figures>[],
    actual: readonly Figures[],
    what: string,
  ): void {
    const left = [...actual];
    for (const { place: saidAt, ...figures } of said) {
      const index = left.findIndex((each) => says(figures, each));
      if (index === -1) this.differ(saidAt, `there is no such ${what}`);
      else left.splice(index, 1);
    }
    for (const each of left) this.differ(place, `the story does not say this ${what}: ${figuresText(each)}`);
  }
}

const nameText = ({ tenantId, asOf }: InvoiceName): string => `${tenantId} as of ${asOf}`;
const short = (at: Instant): string => at.replace('T00:00:00Z', '');
const periodText = ({ start, end }: Period): string => `${short(start)}..${short(end)}`;
const isPeriod = (value: unknown): value is Period =>
  typeof value === 'object' && value !== null && 'start' in value && 'end' in value;

const says = (figures: object, actual: object): boolean =>
  Object.entries(figures).every(([field, value]) => {
    const other = (actual as Record<string, unknown>)[field];
    return isPeriod(value) && isPeriod(other) ? samePeriod(value, other) : value === other;
  });

export const figuresText = (figures: object): string =>
  Object.entries(figures)
    .map(([field, value]) => `${field} ${isPeriod(value) ? periodText(value) : String(value)}`)
    .join(', ');
