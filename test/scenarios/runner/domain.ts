import { isDomainError, parse } from '#domain/schema';
import {
  assertPayable,
  assertVoidable,
  type ClaimedPart,
  documentNumber,
  type FrozenRow,
  type InvoiceStatus,
} from '#domain/invoices/invoice';
import { billingAsOf, type BillingFacts, rateInvoice } from '#domain/invoices/rate-invoice';
import { derivedId } from '#domain/derived-id';
import { countsUsage, isBaseFee, type LineDefinition, linesOf } from '#domain/lines/line';
import { type RecordedPart, splitParts, type TiledPart, tiles, UNCLAIMED } from '#domain/lines/parts';
import { rateLine } from '#domain/lines/rate';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { moneyText } from '#domain/money/money';
import { eventSchemas } from '#domain/events';
import { correctPrice, foldPlan, type PlanEvent, publishPlan } from '#domain/plans/plan';
import { netOf } from '#domain/rating/row';
import { correctRate, foldRates, type RateEvent, rateKeyText, setRate, withdrawRate } from '#domain/rates/rate';
import {
  cancelSubscription,
  changePlan,
  type DeploymentEvent,
  foldDeployment,
  startSubscription,
  type Subscription,
} from '#domain/tenants/deployment';
import type { TaxRate } from '#domain/tenants/tenant';
import { type Instant, isBefore, later } from '#domain/time/instant';
import { contains, type Period } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import type { Command, InvoiceName, Observation, PartFigures, RowFigures, UnbilledFigures } from './scenario.js';
import { type Billed, type Ledger, Refused } from './tell.js';
import { isCovered, type Reading, usageOfLine } from './usage.js';

interface Tenant {
  readonly currency: string;
  readonly timeZone: string;
  readonly taxes: readonly TaxRate[];
}
interface Issued {
  readonly invoiceId: string;
  readonly name: InvoiceName;
  readonly claimed: readonly ClaimedPart[];
  readonly rows: readonly FrozenRow[];
  status: InvoiceStatus;
}

/**
 * A ledger made of the domain's functions alone: events in memory, decided, folded and rated by libs/domain. It keeps
 * no marks: every line that was ever billed is restated on every invoice, so that a mark too few shows in the whole
 * stack.
 */
export class DomainLedger implements Ledger {
  private readonly tenants = new Map<string, Tenant>();
  private readonly deployments = new Map<string, DeploymentEvent[]>();
  private readonly plans = new Map<string, PlanEvent[]>();
  private readonly rates = new Map<string, RateEvent[]>();
  private readings: Reading[] = [];
  private readonly cuts = new Map<string, { partId: string; period: Period }[]>();
  private readonly issued: Issued[] = [];

  async apply(command: Command): Promise<void> {
    await refusing(() => this.decide(command));
  }

  private decide(command: Command): void {
    switch (command.command) {
      case 'register-tenant': {
        const { tenantId, currency, timeZone = 'UTC', tax } = command;
        this.tenants.set(tenantId, { currency, timeZone, taxes: tax === undefined ? [] : [tax] });
        return;
      }
      case 'set-tax': {
        const { tenantId, name, ratePercent, from } = command;
        const tenant = this.tenant(tenantId);
        this.tenants.set(tenantId, { ...tenant, taxes: [...tenant.taxes, { name, ratePercent, from }] });
        return;
      }
      case 'register-deployment':
        this.record(this.deployments, command.deploymentId, [{ type: 'DeploymentRegistered', data: command }]);
        return;
      case 'assign-deployment':
        this.record(this.deployments, command.deploymentId, [{ type: 'DeploymentAssigned', data: command }]);
        return;
      case 'start-subscription':
        this.record(
          this.deployments,
          command.deploymentId,
          startSubscription(this.deployment(command.deploymentId), { ...command, anchor: command.anchor ?? null }),
        );
        return;
      case 'change-plan': {
        const subscription = this.subscription(command.subscriptionId);
        this.record(this.deployments, subscription.deploymentId, changePlan(subscription, command.planId, command.at));
        return;
      }
      case 'cancel-subscription': {
        const subscription = this.subscription(command.subscriptionId);
        this.record(this.deployments, subscription.deploymentId, cancelSubscription(subscription, command.at));
        return;
      }
      case 'publish-plan':
        this.record(
          this.plans,
          command.planId,
          publishPlan(this.plan(command.planId), parse(eventSchemas.PlanPublished, command, 'plan')),
        );
        return;
      case 'correct-price': {
        const input = parse(eventSchemas.PlanPriceCorrected, { effectiveUntil: null, ...command }, 'price');
        this.record(this.plans, command.planId, correctPrice(this.plan(command.planId), input));
        return;
      }
      case 'set-rate': {
        const { command: _, ...rate } = command;
        const input = parse(
          eventSchemas.RateSet,
          { unit: null, currency: 'USD', basis: 'duration', effectiveUntil: null, ...rate },
          'rate',
        );
        this.record(this.rates, rateKeyText(command), setRate(this.rate(command), input));
        return;
      }
      case 'correct-rate': {
        const { command: _, ...rate } = command;
        const input = parse(eventSchemas.RateCorrected, { effectiveUntil: null, ...rate }, 'rate');
        this.record(
          this.rates,
          rateKeyText(command),
          correctRate(this.rate(command), input, this.rates.get(rateKeyText(command))),
        );
        return;
      }
      case 'withdraw-rate':
        this.record(this.rates, rateKeyText(command), withdrawRate(this.rate(command), command));
        return;
      case 'observe-usage':
        this.readings.push(
          ...command.observations.map((observation: Observation) => ({
            deploymentId: command.deploymentId,
            ...observation,
          })),
        );
        return;
      case 'correct-usage':
        this.readings = this.readings.flatMap((reading) => {
          if (reading.sourceId !== command.sourceId) return [reading];
          return command.quantity === null ? [] : [{ ...reading, quantity: command.quantity }];
        });
    }
  }

  private record<Event>(events: Map<string, Event[]>, id: string, decided: readonly Event[]): void {
    events.set(id, [...(events.get(id) ?? []), ...decided]);
  }
  private readonly deployment = (deploymentId: string) => foldDeployment(this.deployments.get(deploymentId) ?? []);
  private readonly plan = (planId: string) => foldPlan(this.plans.get(planId) ?? []);
  private readonly rate = (key: RateKey) => foldRates(this.rates.get(rateKeyText(key)) ?? []);

  private tenant(tenantId: string): Tenant {
    const tenant = this.tenants.get(tenantId);
    if (tenant === undefined) throw new Refused('unknown_tenant', `tenant ${tenantId} is not registered`);
    return tenant;
  }
  currencyOf(tenantId: string): string {
    return this.tenant(tenantId).currency;
  }
  private subscription(subscriptionId: string): Subscription {
    const all = [...this.deployments.keys()].flatMap((id) => this.deployment(id)?.subscriptions ?? []);
    const found = all.find((each) => each.subscriptionId === subscriptionId);
    if (found === undefined) throw new Refused('unknown_subscription', `there is no subscription ${subscriptionId}`);
    return found;
  }

  /** The lines of all tenants, each in its tenant's time zone. */
  private lines(until: Instant): LineDefinition[] {
    const plans = new Map([...this.plans.keys()].map((planId) => [planId, this.plan(planId)]));
    return [...this.deployments.keys()].flatMap((id) => {
      const deployment = this.deployment(id);
      return (deployment?.subscriptions ?? []).flatMap((each) =>
        linesOf(
          each,
          {
            assignments: deployment?.assignments ?? [],
            plans,
            timeZoneOf: (tenantId) => this.tenant(tenantId).timeZone,
          },
          until,
        ),
      );
    });
  }

  private readonly usageOf = (line: LineDefinition) => usageOfLine(line, this.readings, this.rate);

  private isLive = ({ status }: Issued): boolean => status !== 'void';

  private recorded(): Map<string, RecordedPart[]> {
    const claims = new Map(
      this.issued
        .filter(this.isLive)
        .flatMap(({ invoiceId, claimed, name: { asOf } }) =>
          claimed.map(({ partId, period }) => [partId, { invoiceId, claimedUntil: period.end, claimedAsOf: asOf }]),
        ),
    );
    return new Map(
      [...this.cuts].map(([lineId, parts]) => {
        const recordedPart = ({ partId, period: { start } }: { partId: string; period: Period }): RecordedPart => {
          const claim = claims.get(partId);
          return { partId, start, ...UNCLAIMED, ...(claim === undefined ? {} : { ...claim, issued: true }) };
        };
        return [lineId, parts.map(recordedPart)];
      }),
    );
  }

  private rowsOf(tenantId: string): FrozenRow[] {
    return this.issued
      .filter((each) => each.name.tenantId === tenantId && this.isLive(each))
      .flatMap(({ rows }) => rows);
  }

  private facts({ tenantId, asOf }: InvoiceName): BillingFacts {
    const { currency, taxes } = this.tenant(tenantId);
    const own = this.issued.filter(({ name }) => name.tenantId === tenantId);
    const everBilled = own.flatMap(({ claimed, rows }) => [...claimed, ...rows].map(({ lineId }) => lineId));
    // A fee in advance may be billed beyond the instant: its line is one all the same.
    const horizon = own.flatMap(({ claimed }) => claimed.map(({ period }) => period.start)).reduce(later, asOf);
    return {
      currency,
      taxes,
      lines: this.lines(horizon).filter((line) => line.tenantId === tenantId),
      recorded: this.recorded(),
      booked: Map.groupBy(this.rowsOf(tenantId), ({ lineId }) => lineId),
      gracePeriods: [],
      grants: [],
      creditsLeft: [],
      marks: new Map(everBilled.map((lineId) => [lineId, 'restated'])),
    };
  }

  async bill(name: InvoiceName): Promise<Billed> {
    const facts = this.facts(name);
    const invoiceId = derivedId('invoice', name.tenantId, name.asOf, this.issued.length);
    const invoice = rateInvoice(invoiceId, facts, billingAsOf(facts, name.asOf), this.usageOf);
    const kinds = new Map(facts.lines.map(({ lineId, billingKind }) => [lineId, billingKind]));
    const quarantined = invoice.quarantined.map(({ lineId, code }) => ({
      billingKind: kinds.get(lineId) ?? lineId,
      code,
    }));
    if (
      invoice.rows.every((row) =>
        [row.gross, row.discount, row.credit, row.net].every((amount) => decimal(amount).eq(ZERO)),
      )
    )
      return { invoice: null, quarantined };
    const lines = new Map(facts.lines.map((line) => [line.lineId, line]));
    for (const { lineId } of invoice.claimed) {
      const line = lines.get(lineId);
      if (line !== undefined && !this.cuts.has(lineId))
        this.cuts.set(lineId, [{ partId: lineId, period: line.period }]);
    }
    for (const cut of invoice.cuts)
      this.cuts.set(cut.lineId, splitParts(cut.lineId, this.cuts.get(cut.lineId) ?? [], cut));
    this.issued.push({ invoiceId, name, claimed: invoice.claimed, rows: invoice.rows, status: 'issued' });
    const money = (amount: typeof invoice.total): string => moneyText(amount, facts.currency);
    return {
      invoice: {
        invoiceId,
        number: documentNumber('INV', this.issued.length),
        rows: invoice.rows.map((row) => rowFigures(row, facts.currency)),
        subtotal: money(invoice.subtotal),
        tax: money(invoice.tax),
        total: money(invoice.total),
      },
      quarantined,
    };
  }

  async void(invoiceId: string): Promise<void> {
    await refusing(() => {
      const found = this.issued.find((each) => each.invoiceId === invoiceId);
      const rowIds = new Set(found?.rows.map(({ rowId }) => rowId));
      const correcting = this.issued.filter(
        (each) =>
          this.isLive(each) && each.rows.some(({ corrects }) => corrects?.some((rowId) => rowIds.has(rowId)) === true),
      );
      assertVoidable(
        stateOf(found),
        invoiceId,
        correcting.map((each) => each.invoiceId),
      );
      if (found !== undefined) found.status = 'void';
    });
  }

  async pay(invoiceId: string): Promise<void> {
    await refusing(() => {
      const found = this.issued.find((each) => each.invoiceId === invoiceId);
      assertPayable(stateOf(found), invoiceId);
      if (found !== undefined) found.status = 'paid';
    });
  }

  async booked(tenantId: string): Promise<FrozenRow[]> {
    return this.rowsOf(tenantId);
  }

  async parts(deploymentId: string, billingKind: string, within: Period): Promise<Required<PartFigures>[]> {
    const lines = this.lines(within.end).filter(
      (line) =>
        line.deploymentId === deploymentId &&
        line.billingKind === billingKind &&
        !isBefore(line.period.start, within.start) &&
        !isBefore(within.end, line.period.end),
    );
    const recorded = this.recorded();
    return lines.flatMap((line) => {
      const parts = tiles(line, recorded.get(line.lineId) ?? []);
      const rating = rateLine(line, parts, this.usageOf(line), line.currency);
      const netIfOpen = (part: TiledPart) => ('rows' in rating ? netOf(rating.rows[parts.indexOf(part)] ?? []) : ZERO);
      const booked = Map.groupBy(this.rowsOf(line.tenantId), ({ partId }) => partId);
      return parts.map((part) => {
        const net = part.issued ? sum((booked.get(part.partId) ?? []).map((row) => decimal(row.net))) : netIfOpen(part);
        return {
          period: part.period,
          quantity: this.quantityIn(line, part.period),
          net: moneyText(net, line.currency),
          state: part.issued ? 'billed' : 'open',
        };
      });
    });
  }

  /** A flat amount counts once, with or without usage. */
  private quantityIn(line: LineDefinition, period: Period): string {
    if (!countsUsage(line)) return '1';
    const upTo = (at: Instant) => {
      const usage = at === line.period.start ? ZERO : this.usageOf(line)(at);
      return 'times' in usage ? usage : sum(usage.map(({ quantity }) => quantity));
    };
    return text(upTo(period.end).minus(upTo(period.start)));
  }

  async unbilled(): Promise<UnbilledFigures[]> {
    const [first, ...rest] = this.readings.map(({ period }) => period.start);
    if (first === undefined) return [];
    const lines = this.lines(rest.reduce(later, first));
    const uncovered = this.readings.filter((reading) => !lines.some((line) => isCovered(reading, line)));
    const isSubscribed = ({ deploymentId, period }: Reading): boolean =>
      lines.some(
        (line) => isBaseFee(line) && line.deploymentId === deploymentId && contains(line.period, period.start),
      );
    const keyed = uncovered.map((reading) => ({
      reading,
      reason: isSubscribed(reading) ? 'no_plan_item' : 'no_subscription',
    }));
    const groups = Map.groupBy(keyed, ({ reading: { deploymentId, billingKind }, reason }) =>
      [deploymentId, billingKind, reason].join('\n'),
    );
    return [...groups.values()].flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const { deploymentId, billingKind } = first.reading;
      return [
        {
          deploymentId,
          billingKind,
          reason: first.reason,
          quantity: text(sum(group.map(({ reading }) => decimal(reading.quantity)))),
        },
      ];
    });
  }
}

const stateOf = (found: Issued | undefined): Parameters<typeof assertVoidable>[0] =>
  found === undefined
    ? undefined
    : {
        invoiceId: found.invoiceId,
        asOf: found.name.asOf,
        selection: null,
        status: found.status,
        hasCreditNotes: false,
      };

function rowFigures(row: FrozenRow, currency: string): Required<RowFigures> {
  const { billingKind, deploymentId, chargePeriod: period, kind, ref, quantity, unitAmount } = row;
  const money = (amount: string): string => moneyText(decimal(amount), currency);
  return {
    billingKind,
    deploymentId,
    period,
    kind,
    ref,
    quantity,
    unitAmount,
    discount: money(row.discount),
    net: money(row.net),
    tax: money(row.tax),
  };
}

async function refusing(decide: () => void): Promise<void> {
  try {
    decide();
  } catch (error) {
    throw isDomainError(error) ? new Refused(error.code, error.message) : error;
  }
}
