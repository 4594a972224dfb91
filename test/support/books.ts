import { invalid } from '#domain/errors';
import { creditsLeft, creditUses } from '#domain/invoices/credit-draw';
import type { Coupon, Credit } from '#domain/invoices/credits';
import type { ClaimedPart, FrozenRow } from '#domain/invoices/invoice';
import { billingAsOf, type BillingFacts, rateInvoice, type RatedInvoice } from '#domain/invoices/rate-invoice';
import { derivedId } from '#domain/derived-id';
import { linesWithCommitments } from '#domain/lines/commitment-lines';
import { isCommitment, type LineDefinition } from '#domain/lines/line';
import { type RecordedPart, splitParts, UNCLAIMED } from '#domain/lines/parts';
import { drawnDown, type UsageUpTo } from '#domain/lines/rate';
import { decimal, sum } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import type { Commitment } from '#domain/plans/commitment';
import type { PlanItem, PlanVersion } from '#domain/plans/plan';
import type { Assignment, Subscription } from '#domain/tenants/deployment';
import type { TaxRate } from '#domain/tenants/tenant';
import { type Instant, instant, isBefore } from '#domain/time/instant';
import type { Period } from '#domain/time/period';

export const T = (day: string) => instant(`2026-04-${day}T00:00:00Z`);
export const MAY = instant('2026-05-01T00:00:00Z');
export const item = (billingKind: string, price: PlanItem['price'], more: Partial<PlanItem> = {}): PlanItem => ({
  billingKind,
  price,
  aggregation: 'sum',
  ...more,
});
export const plan = (items: readonly PlanItem[], baseFee = '50'): PlanVersion => ({
  planId: 'p1',
  effectiveFrom: T('01'),
  effectiveUntil: null,
  name: 'p1',
  currency: 'USD',
  baseFee,
  paymentTerm: 'in_advance',
  interval: 'month',
  items: [...items],
});
export const HOURS = item('droplet_hours', { model: 'unit', unitAmount: '0.01' }, { included: '1488' });
export const STUDIO = plan([HOURS]);

interface Booked {
  readonly invoiceId: string;
  readonly asOf: Instant;
  readonly claimed: readonly ClaimedPart[];
  readonly rows: readonly FrozenRow[];
}

/**
 * A tenant's books: what is known, and the invoices that were issued on it. The engine alone, without log or read
 * models.
 */
export class Books {
  plan: PlanVersion = STUDIO;
  /** The versions that follow it. */
  later: readonly PlanVersion[] = [];
  taxes: readonly TaxRate[] = [];
  assignments: readonly Assignment[] = [{ tenantId: 't1', from: T('01') }];
  cancelledAt: Instant | null = null;
  from: Instant = T('01');
  anchor: Instant | null = null;
  timeZone = 'UTC';
  /** Billing kinds that can't be rated for want of a price. */
  unpriced = new Set<string>();
  commitments: readonly Commitment[] = [];
  grants: readonly (Coupon | Credit)[] = [];
  issued: Booked[] = [];
  private readonly readings: { billingKind: string; at: Instant; quantity: string }[] = [];
  private readonly cuts = new Map<string, { partId: string; period: Period }[]>();

  constructor(more: Partial<Pick<Books, 'plan' | 'later' | 'taxes' | 'grants' | 'commitments'>> = {}) {
    Object.assign(this, more);
  }

  use(at: Instant, quantity: string, billingKind = 'droplet_hours'): this {
    this.readings.push({ billingKind, at, quantity });
    return this;
  }

  lines(until: Instant): LineDefinition[] {
    const subscription: Subscription = {
      subscriptionId: 's1',
      deploymentId: 'd1',
      from: this.from,
      anchor: this.anchor,
      plans: [{ planId: 'p1', from: this.from }],
      cancelledAt: this.cancelledAt,
    };
    const plans = new Map([
      ['p1', [{ ...this.plan, effectiveUntil: this.later[0]?.effectiveFrom ?? null }, ...this.later]],
    ]);
    const { assignments, commitments, timeZone } = this;
    const terms = { assignments, commitments, plans, timeZoneOf: () => timeZone };
    return linesWithCommitments(subscription, terms, until).filter(({ tenantId }) => tenantId === 't1');
  }

  /** Every line that has booked anything, or claims a part, is marked, unless told which. */
  facts(until: Instant, marked?: ReadonlyMap<string, string>): BillingFacts {
    const claims = new Map(
      this.issued.flatMap(({ invoiceId, asOf, claimed }) =>
        claimed.map(({ partId, period }) => [partId, { invoiceId, claimedUntil: period.end, claimedAsOf: asOf }]),
      ),
    );
    const lineIds = new Set(this.issued.flatMap(({ claimed }) => claimed.map(({ lineId }) => lineId)));
    const recorded = new Map(
      [...this.cuts].map(([lineId, parts]): [string, RecordedPart[]] => [
        lineId,
        parts.map(({ partId, period: { start } }) => {
          const claim = claims.get(partId);
          return { partId, start, ...UNCLAIMED, ...(claim === undefined ? {} : { ...claim, issued: true }) };
        }),
      ]),
    );
    return {
      currency: 'USD',
      taxes: this.taxes,
      lines: this.lines(until),
      recorded,
      booked: Map.groupBy(
        this.issued.flatMap(({ rows }) => rows),
        ({ lineId }) => lineId,
      ),
      gracePeriods: [],
      grants: this.grants,
      creditsLeft: creditsLeft(
        this.grants,
        creditUses(this.issued.flatMap(({ asOf, rows }) => rows.map((row) => ({ row, asOf })))),
        { asOf: until, currency: 'USD', invoices: this.issued.map((each) => ({ ...each, isVoid: false })) },
      ),
      marks: marked ?? new Map([...lineIds].map((lineId) => [lineId, 'late usage'])),
    };
  }

  readonly usageOf =
    (line: LineDefinition): UsageUpTo =>
    (at) => {
      if (isCommitment(line)) return drawnDown(line, at, this.usageOf);
      if (this.unpriced.has(line.billingKind)) throw invalid('missing_rate', `${line.billingKind} has no price`);
      const ofKind = this.readings.filter(({ billingKind }) => billingKind === line.billingKind);
      const within = ofKind.filter((each) => !isBefore(each.at, line.period.start) && isBefore(each.at, at));
      return sum(within.map(({ quantity }) => decimal(quantity)));
    };

  preview(asOf: Instant, marked?: ReadonlyMap<string, string>): RatedInvoice {
    const facts = this.facts(asOf, marked);
    return rateInvoice(derivedId('invoice', asOf, this.issued.length), facts, billingAsOf(facts, asOf), this.usageOf);
  }

  /** Drafts and issues at once: cuts are recorded, parts are claimed, rows are booked. */
  bill(asOf: Instant, marked?: ReadonlyMap<string, string>): RatedInvoice {
    const invoice = this.preview(asOf, marked);
    const lines = new Map(this.lines(asOf).map((line) => [line.lineId, line]));
    for (const { lineId } of invoice.claimed) {
      const line = lines.get(lineId);
      if (line !== undefined && !this.cuts.has(lineId))
        this.cuts.set(lineId, [{ partId: lineId, period: line.period }]);
    }
    for (const cut of invoice.cuts)
      this.cuts.set(cut.lineId, splitParts(cut.lineId, this.cuts.get(cut.lineId) ?? [], cut));
    this.issued.push({
      invoiceId: derivedId('invoice', asOf, this.issued.length),
      asOf,
      claimed: invoice.claimed,
      rows: invoice.rows,
    });
    return invoice;
  }

  /** What all issued invoices come to, in all or of one billing kind. */
  total(billingKind?: string): string {
    const all = this.issued.flatMap(({ rows }) => rows);
    const rows = all.filter((row) => billingKind === undefined || row.billingKind === billingKind);
    return moneyText(sum(rows.map(({ net }) => decimal(net))), 'USD');
  }
}
