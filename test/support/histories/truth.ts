import { compareInstants, type Instant, instant, isBefore } from '#domain/time/instant';
import { deployment, plan, subscription, tenant } from '../commands.js';
import {
  feesOf,
  FIRST_SEEN,
  grantedCredits,
  dayAt,
  METERED,
  money,
  type PlanId,
  PRICE_STEP,
  RATE_KEY,
  RESOURCES,
  sighting,
  SIZES,
  type TenantId,
  TENANTS,
  unitPrice,
  type World,
  type Zone,
} from './world.js';

/** A value that holds from an instant until the next one of its list. */
export interface Dated<Value> {
  readonly from: Instant;
  readonly value: Value;
}

const SINCE = instant('2026-01-01T00:00:00Z');
const APRIL = dayAt(0);
const inOrder = <Item extends { readonly from: Instant }>(items: readonly Item[]): Item[] =>
  [...items].sort((a, b) => compareInstants(a.from, b.from));

/** The value in force at an instant. Before the first entry of the list, it is the first one. */
export function heldAt<Value>(list: readonly Dated<Value>[], at: Instant): Value {
  const found = inOrder(list).findLast(({ from }) => !isBefore(at, from)) ?? inOrder(list)[0];
  if (found === undefined) throw new Error('nothing holds');
  return found.value;
}

/** The list with other values over a period. Without an end the period ends at the next entry of the list. */
export function changed<Value>(
  list: readonly Dated<Value>[],
  { from, until }: { readonly from: Instant; readonly until: Instant | null },
  change: (value: Value) => Value,
): Dated<Value>[] {
  const end =
    until ??
    list
      .map((each) => each.from)
      .sort(compareInstants)
      .find((each) => isBefore(from, each));
  const bounds = [...list.map((each) => each.from), from, ...(end === undefined ? [] : [end])];
  return [...new Set(bounds)].sort(compareInstants).map((each) => {
    const value = heldAt(list, each);
    const isWithin = !isBefore(each, from) && (end === undefined || isBefore(each, end));
    return { from: each, value: isWithin ? change(value) : value };
  });
}

/** The list with a single value over a period: what else began within it is gone. */
export function replaced<Value>(
  list: readonly Dated<Value>[],
  over: { readonly from: Instant; readonly until: Instant | null },
  value: Value,
): Dated<Value>[] {
  const all = changed(list, over, () => value);
  const { from, until } = over;
  return all.filter((each) => !(until !== null && isBefore(from, each.from) && isBefore(each.from, until)));
}

/** Neighbours of one value are one entry. `where`: only at these instants. */
export const joined = <Value>(list: readonly Dated<Value>[], where: (at: Instant) => boolean = () => true) =>
  list.filter(
    ({ from, value }, index) =>
      index === 0 || !where(from) || JSON.stringify(list[index - 1]?.value) !== JSON.stringify(value),
  );

/** The list with an entry. What had begun at the same instant never was. */
export const begun = <Value>(list: readonly Dated<Value>[], from: Instant, value: Value): Dated<Value>[] =>
  inOrder([...list.filter((each) => each.from !== from), { from, value }]);

export interface Terms {
  readonly baseFee: string;
  readonly included: string | null;
  readonly price: object;
}

export interface Subscribed {
  readonly deploymentId: string;
  readonly from: Instant;
  readonly anchor: Instant | null;
  /** In order; the first from the start. */
  readonly plans: readonly { readonly planId: PlanId; readonly at: Instant }[];
  readonly cancelledAt: Instant | null;
}

/** What a tenant has instead of the terms of a plan, and the interval of the plan when it was agreed. */
export interface Agreed {
  readonly terms: object;
  readonly interval: string;
}

interface Coupon {
  readonly tenantId: TenantId;
  readonly creditId: string;
  readonly from: Instant;
  readonly until: Instant | null;
  readonly revokedAt: Instant | null;
}

interface ResourceAt {
  readonly status: string;
  readonly sizeGb: string | null;
  readonly deploymentId: string | null;
}
/** What is known of a resource, in the order of recording. */
interface Resource {
  readonly seen: readonly { readonly at: Instant; readonly state: ResourceAt | null; readonly n: number }[];
  readonly corrections: readonly {
    readonly from: Instant;
    readonly until: Instant | null;
    readonly changes: Partial<ResourceAt>;
    readonly n: number;
  }[];
}

export interface Usage {
  readonly deploymentId: string;
  readonly resourceId: string;
  readonly billingKind: string;
  readonly granularity: string;
  readonly period: { readonly start: Instant; readonly end: Instant };
}

/**
 * What is true in a history, kept by the rules of the documentation and not by asking the ledger. Statements that were
 * carried out change it; from it, all can be stated at once.
 */
export class Truth {
  rates: Dated<string>[];
  plans: Record<PlanId, Dated<Terms>[]>;
  taxes: Record<TenantId, Dated<string>[]>;
  zones: Record<TenantId, Zone>;
  holders: Record<string, Dated<TenantId>[]>;
  /** How droplets are metered. Where days and billing periods are apart, it decides which period an hour is in. */
  granularities: Dated<string>[] = [];
  readonly subscriptions = new Map<string, Subscribed>();
  /** What a tenant has instead of the terms of the plan, by subscription and tenant. null: nothing. */
  readonly overrides = new Map<string, Map<TenantId, Dated<Agreed | null>[]>>();
  readonly coupons = new Map<string, Coupon>();
  /** From the beginning on and without an end, by tenant and id. */
  readonly usage = new Map<string, Usage & { readonly quantity: string | null }>();
  private readonly resources = new Map<string, Resource>();
  private recorded = 0;

  constructor(readonly world: World) {
    this.rates = [{ from: SINCE, value: money(world, 2 * PRICE_STEP) }];
    const terms = (id: PlanId, included: string | null, price: number): Dated<Terms>[] => [
      {
        from: SINCE,
        value: { baseFee: this.money(feesOf(world, id)[0] ?? 0), included, price: unitPrice(this.money(price)) },
      },
    ];
    this.plans = { p: terms('p', '20', 2 * PRICE_STEP), q: terms('q', null, 4 * PRICE_STEP) };
    const tax = (): Dated<string>[] => [{ from: SINCE, value: '10' }];
    this.taxes = { a: tax(), b: tax() };
    this.zones = { ...world.zones };
    this.holders = { d1: [{ from: APRIL, value: 'a' }], d2: [{ from: APRIL, value: 'b' }] };
    const subscribed = (deploymentId: string, planId: PlanId): Subscribed => ({
      ...{ deploymentId, from: APRIL, anchor: world.anchor, plans: [{ planId, at: APRIL }], cancelledAt: null },
    });
    this.subscriptions.set('s1', subscribed('d1', 'p')).set('s2', subscribed('d2', 'q'));
    if (world.isMetered)
      for (const { providerId, kind } of RESOURCES)
        this.seen(providerId, dayAt(FIRST_SEEN), {
          ...{ status: 'active', deploymentId: 'd1', sizeGb: kind === 'snapshot' ? (SIZES[0] ?? null) : null },
        });
  }

  money(minorUnits: number): string {
    return money(this.world, minorUnits);
  }

  used(usage: Usage, quantity: string | null): void {
    const { deploymentId, resourceId, billingKind, period } = usage;
    this.usage.set([deploymentId, resourceId, billingKind, period.start].join(' '), { ...usage, quantity });
  }

  /** Nothing is true of a subscription whose start was withdrawn. */
  subscribed(id: string, change: (before: Subscribed) => Subscribed): void {
    const before = this.subscriptions.get(id);
    if (before !== undefined) this.subscriptions.set(id, change(before));
  }

  revoked(name: string, revokedAt: Instant): void {
    const granted = this.coupons.get(name);
    if (granted !== undefined) this.coupons.set(name, { ...granted, revokedAt });
  }

  /** null: it was gone. */
  seen(providerId: string, at: Instant, state: ResourceAt | null): void {
    const { seen, corrections } = this.resource(providerId);
    this.resources.set(providerId, { corrections, seen: [...seen, { at, state, n: (this.recorded += 1) }] });
  }

  corrected(providerId: string, correction: Omit<Resource['corrections'][number], 'n'>): void {
    const { seen, corrections } = this.resource(providerId);
    const all = [...corrections, { ...correction, n: (this.recorded += 1) }];
    this.resources.set(providerId, { seen, corrections: all });
  }

  private resource(providerId: string): Resource {
    return this.resources.get(providerId) ?? { seen: [], corrections: [] };
  }

  /** The commands that state it to a ledger that knows nothing. */
  commands(): object[] {
    return [
      ...this.tenants(),
      ...this.prices(),
      ...Object.entries(this.holders).flatMap(([id, [first, ...moves]]) => [
        deployment(id, first?.value ?? '', { from: first?.from }),
        ...moves.map(({ from, value }) => ({
          command: 'assign-deployment',
          ...{ deploymentId: id, tenantId: value, from },
        })),
      ]),
      ...[...this.subscriptions].sort(([, a], [, b]) => compareInstants(a.from, b.from)).flatMap(statedSubscription),
      ...[...this.subscriptions].flatMap(([id, subscribed]) => this.agreed(id, subscribed)),
      ...[...this.coupons.values()].flatMap((coupon) => this.granted(coupon)),
      ...grantedCredits(this.world),
      ...[...this.usage.values()]
        .filter(({ quantity }) => quantity !== null)
        .map(({ deploymentId, ...reading }) => ({
          ...{ command: 'observe-usage', deploymentId },
          observations: [{ ...reading, ...(reading.billingKind === 'cores' ? { rateKey: RATE_KEY } : {}) }],
        })),
      ...RESOURCES.flatMap((each) => this.inventory(each)),
      ...this.granularities.map(({ from, value }) => ({
        ...{ command: 'configure-metering', billingKind: METERED['droplet'], granularity: value, from },
      })),
    ];
  }

  agreedOver(id: string, tenantId: TenantId, over: Parameters<typeof replaced>[1], agreed: Agreed): void {
    const all = this.overrides.get(id) ?? new Map<TenantId, Dated<Agreed | null>[]>();
    const before = all.get(tenantId) ?? [{ from: SINCE, value: null }];
    this.overrides.set(id, all.set(tenantId, joined(replaced<Agreed | null>(before, over, agreed))));
  }

  /** The interval of the plan that a subscription has at an instant. */
  intervalOf({ plans }: Subscribed, at: Instant): string {
    const planId = heldAt(
      plans.map((plan) => ({ from: plan.at, value: plan.planId })),
      at,
    );
    return planId === 'q' ? this.world.interval : 'month';
  }

  /** Overrides hold while the subscription runs on a plan of their interval, and its deployment is of their tenant. */
  private agreed(id: string, subscribed: Subscribed): object[] {
    const { deploymentId, from, cancelledAt, plans } = subscribed;
    const holders = this.holders[deploymentId] ?? [];
    return [...(this.overrides.get(id) ?? [])].flatMap(([tenantId, known]) => {
      const bounds = [from, ...[...known, ...holders].map((each) => each.from), ...plans.map((plan) => plan.at)];
      const starts = [...new Set(bounds)].sort(compareInstants).filter((start) => !isBefore(start, from));
      return starts
        .filter((start) => cancelledAt === null || isBefore(start, cancelledAt))
        .flatMap((start) => {
          const agreed = heldAt(known, start);
          const until = starts.find((next) => isBefore(start, next));
          const command = {
            command: 'set-overrides',
            subscriptionId: id,
            tenantId,
            ...agreed?.terms,
            effectiveFrom: start,
          };
          const isHeld = agreed?.interval === this.intervalOf(subscribed, start);
          if (!isHeld || heldAt(holders, start) !== tenantId) return [];
          return [{ ...command, ...(until === undefined ? {} : { effectiveUntil: until }) }];
        });
    });
  }

  /** A coupon that was revoked before its start never holds. */
  private granted({ tenantId, creditId, from, until, revokedAt }: Coupon): object[] {
    const end = [until, revokedAt].filter((at) => at !== null).sort(compareInstants)[0];
    if (end !== undefined && !isBefore(from, end)) return [];
    return [
      {
        ...{ command: 'grant-coupon', tenantId, creditId, currency: this.world.currency, percent: '50', from },
        ...{ billingKinds: ['hours'], ...(end === undefined ? {} : { until: end }) },
      },
    ];
  }

  private tenants(): object[] {
    const { currency } = this.world;
    return TENANTS.flatMap((id) => [
      tenant(id, { currency, timeZone: this.zones[id] }),
      ...this.taxes[id].map(({ from, value }) => ({
        ...{ command: 'set-tax', tenantId: id, name: 'VAT', ratePercent: value, from },
      })),
    ]);
  }

  private prices(): object[] {
    const { currency } = this.world;
    const of = (id: PlanId) => joined(this.plans[id]).map((each) => this.publication(id, each));
    return [
      ...joined(this.rates).map(({ from, value }) => ({
        ...{ command: 'set-rate', ...RATE_KEY, unitPrice: value, currency, effectiveFrom: from },
      })),
      ...of('p'),
      ...of('q'),
    ];
  }

  /** The command that publishes terms of a plan. */
  publication(id: PlanId, { from, value: { baseFee, price, included } }: Dated<Terms>) {
    const { currency, interval, isMetered } = this.world;
    const hours = { billingKind: 'hours', price, ...(included === null ? {} : { included }) };
    const minimum = { commitments: { minimum: this.money(feesOf(this.world, 'q')[0] ?? 0) } };
    const metered = Object.values(METERED).map((billingKind) => ({
      ...{ billingKind, price: unitPrice(this.money(PRICE_STEP)) },
    }));
    const items = [
      { ...hours, ...(id === 'q' ? minimum : {}) },
      ...(id === 'p' ? [{ billingKind: 'cores', price: { model: 'rate_card' } }] : []),
      ...(isMetered ? metered : []),
    ];
    return plan(id, baseFee, items, { currency, effectiveFrom: from, interval: id === 'q' ? interval : 'month' });
  }

  /** Sightings of the resource as it was, at each instant at which it may have changed. */
  private inventory(resource: (typeof RESOURCES)[number]): object[] {
    const { providerId } = resource;
    const { seen, corrections } = this.resource(providerId);
    const first = seen.map(({ at }) => at).sort(compareInstants)[0];
    if (first === undefined) return [];
    const instants = [
      ...seen.map(({ at }) => at),
      ...corrections.flatMap(({ from, until }) => (until === null ? [from] : [from, until])),
    ].filter((at) => !isBefore(at, first));
    return [...new Set(instants)].sort(compareInstants).map((at) => {
      const state = stateAt({ seen, corrections }, at);
      return state === null
        ? { command: 'remove-resource', provider: 'do', providerId, at }
        : sighting(resource, state.deploymentId, at, state);
    });
  }
}

function stateAt({ seen, corrections }: Resource, at: Instant): ResourceAt | null {
  const last = [...seen].sort((a, b) => compareInstants(a.at, b.at)).findLast((each) => !isBefore(at, each.at));
  if (last === undefined || last.state === null) return null;
  const holding = corrections.filter(
    ({ n, from, until }) => n > last.n && !isBefore(at, from) && (until === null || isBefore(at, until)),
  );
  return holding.reduce<ResourceAt>((state, { changes }) => ({ ...state, ...changes }), last.state);
}

function statedSubscription([id, { deploymentId, from, anchor, plans, cancelledAt }]: [string, Subscribed]): object[] {
  const [first, ...changes] = plans;
  return [
    subscription(id, deploymentId, first?.planId ?? '', { from, ...(anchor === null ? {} : { anchor }) }),
    ...changes.map((change) => ({ command: 'change-plan', subscriptionId: id, ...change })),
    ...(cancelledAt === null ? [] : [{ command: 'cancel-subscription', subscriptionId: id, at: cancelledAt }]),
  ];
}
