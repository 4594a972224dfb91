import fc from 'fast-check';
import { decimal, text } from '#domain/money/decimal';
import { type Instant, instant } from '#domain/time/instant';
import { deployment, plan, subscription, tenant } from '../commands.js';

/**
 * Where a history takes place: its currency, the time zones of its two tenants, how billing periods lie, and whether
 * resources are metered.
 *
 * Amounts are such that tax is exact where the periods are whole hours: fees are a multiple of 10 minor units an hour
 * in months of 30 and of 31 days (and in a year), prices are multiples of 160 minor units, of which four coupons take
 * half each, and taxes are 0, 10 and 20 %.
 */
export interface World {
  readonly currency: keyof typeof MINOR_UNITS;
  readonly zones: Readonly<Record<TenantId, Zone>>;
  readonly anchor: Instant | null;
  /** Of plan q. Plan p is monthly. */
  readonly interval: 'month' | 'year';
  readonly isMetered: boolean;
  /** Whether tenants have credits, which invoices draw in their order: net is then compared without them and tax. */
  readonly hasCredits: boolean;
}

export type TenantId = 'a' | 'b';
export type PlanId = 'p' | 'q';
export type Zone = keyof typeof HOURS_IN_WINTER;
export const TENANTS: readonly TenantId[] = ['a', 'b'];

const MINOR_UNITS = { USD: '0.01', EUR: '0.01', JPY: '1', KWD: '0.001' } as const;
/** Hours ahead of UTC. From 29 March 2026 at 01:00 UTC (Paris) and 8 March (New York) on, one more. */
const HOURS_IN_WINTER = { UTC: 0, 'Europe/Paris': 1, 'America/New_York': -5 } as const;
const SUMMER_SINCE = { UTC: null, 'Europe/Paris': '2026-03-29T01:00:00Z', 'America/New_York': '2026-03-08T07:00:00Z' };

const ANCHORS = ['2026-01-29T00:00:00Z', '2026-01-31T00:00:00Z', '2026-01-31T12:00:00Z'].map((at) => instant(at));
const zone = fc.constantFrom<Zone>('UTC', 'Europe/Paris', 'America/New_York');

export const CLASSIC: World = {
  currency: 'USD',
  zones: { a: 'UTC', b: 'UTC' },
  anchor: null,
  interval: 'month',
  isMetered: false,
  hasCredits: false,
};

export const worlds: fc.Arbitrary<World> = fc.record({
  currency: fc.constantFrom(...(['USD', 'EUR', 'JPY', 'KWD'] as const)),
  zones: fc.oneof(fc.constant(CLASSIC.zones), fc.record({ a: zone, b: zone })),
  anchor: fc.option(fc.constantFrom(...ANCHORS), { freq: 2 }),
  interval: fc.oneof(
    { weight: 3, arbitrary: fc.constant('month' as const) },
    { weight: 1, arbitrary: fc.constant('year' as const) },
  ),
  isMetered: fc.boolean(),
  hasCredits: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** An instant of day n, from 1 April on. */
export const dayAt = (n: number, hour = 0): Instant => instant(new Date(Date.UTC(2026, 3, 1 + n, hour)).toISOString());

/** So many minor units of the currency: 223200 of USD are 2232.00. */
export const money = ({ currency }: Pick<World, 'currency'>, minorUnits: number): string =>
  text(decimal(String(minorUnits)).times(decimal(MINOR_UNITS[currency])));

/** Fees of a plan. 223200 is 310 an hour of a month of 30 days and 300 of 31; 2102400 is 240 an hour of a year. */
export const feesOf = ({ interval }: World, planId: PlanId): readonly number[] =>
  planId === 'q' && interval === 'year' ? [2_102_400, 4_204_800] : [223_200, 446_400];

export const RATE_KEY = { resourceType: 'VmVCpu', resourceFamily: 'standard', location: 'hel1' };
export const PRICE_STEP = 160;
export const METERED: Readonly<Record<string, string>> = {
  droplet: 'droplet_hours',
  snapshot: 'snapshot_gb_month',
};

/** The day on which the resources are first seen. */
export const FIRST_SEEN = 20;
/** 930 GB are 31 a day in a month of 30 days, and 30 in one of 31. */
export const SIZES = ['930', '1860'];
export const RESOURCES = [
  { providerId: 'v1', kind: 'droplet' },
  { providerId: 'x1', kind: 'snapshot' },
] as const;

export const unitPrice = (unitAmount: string) => ({ model: 'unit', unitAmount });

/** The commands that every history begins with. */
export function setUp(world: World): object[] {
  const { currency, zones, anchor, interval, isMetered } = world;
  const metered = Object.values(METERED).map((billingKind) => ({
    billingKind,
    price: unitPrice(money(world, PRICE_STEP)),
  }));
  const [feeP, feeQ] = [feesOf(world, 'p')[0] ?? 0, feesOf(world, 'q')[0] ?? 0];
  const hours = { billingKind: 'hours' };
  const subscribed = anchor === null ? {} : { anchor };
  return [
    {
      ...{ command: 'set-rate', ...RATE_KEY, unitPrice: money(world, 2 * PRICE_STEP), currency },
      effectiveFrom: '2026-01-01T00:00:00Z',
    },
    plan(
      'p',
      money(world, feeP),
      [
        { ...hours, included: '20', price: unitPrice(money(world, 2 * PRICE_STEP)) },
        { billingKind: 'cores', price: { model: 'rate_card' } },
        ...(isMetered ? metered : []),
      ],
      { currency },
    ),
    plan(
      'q',
      money(world, feeQ),
      [
        {
          ...{ ...hours, price: unitPrice(money(world, 4 * PRICE_STEP)) },
          commitments: { minimum: money(world, feeQ) },
        },
        ...(isMetered ? metered : []),
      ],
      { currency, interval },
    ),
    ...TENANTS.map((id) =>
      tenant(id, {
        ...{ currency, timeZone: zones[id] },
        tax: { name: 'VAT', ratePercent: '10', from: '2026-01-01T00:00:00Z' },
      }),
    ),
    ...[deployment('d1', 'a'), deployment('d2', 'b')],
    ...[subscription('s1', 'd1', 'p', subscribed), subscription('s2', 'd2', 'q', subscribed)],
    ...(isMetered ? RESOURCES.map((each) => sighting(each, 'd1', dayAt(FIRST_SEEN))) : []),
    ...grantedCredits(world),
  ];
}

/**
 * A small credit and a large one. How much of them is drawn depends on when invoices are made: what is given back waits
 * for the next one.
 */
export const grantedCredits = (world: World): object[] =>
  !world.hasCredits
    ? []
    : TENANTS.map((tenantId, index) => ({
        ...{ command: 'grant-credit', tenantId, creditId: 'credit-0', currency: world.currency },
        ...{ amount: money(world, (index === 0 ? 50 : 5000) * PRICE_STEP), from: dayAt(0) },
      }));

export const sighting = (
  { providerId, kind }: { readonly providerId: string; readonly kind: string },
  deploymentId: string | null,
  seenAt: Instant,
  more: { readonly status?: string; readonly sizeGb?: string | null } = {},
) => ({
  ...{ command: 'observe-resource' as const, provider: 'do', providerId, kind, name: providerId, deploymentId, seenAt },
  ...{ status: more.status ?? 'active', ...(kind === 'snapshot' ? { sizeGb: more.sizeGb ?? SIZES[0] } : {}) },
});

/**
 * The last start of a monthly billing period at or before an instant, between March and June 2026, from the calendar:
 * the day of the anchor, or the last one of a shorter month, at its time of day.
 */
export function periodStart(at: Instant, zoneName: Zone, anchor: Instant | null): string {
  const inWinter = HOURS_IN_WINTER[zoneName];
  const local = anchor === null ? null : new Date(Date.parse(anchor) + inWinter * HOUR_MS);
  const [day, hour] = local === null ? [1, 0] : [local.getUTCDate(), local.getUTCHours()];
  const starts = [2, 3, 4, 5, 6].map((month) => {
    const lastDay = new Date(Date.UTC(2026, month, 0)).getUTCDate();
    const wall = Date.UTC(2026, month - 1, Math.min(day, lastDay), hour) - inWinter * HOUR_MS;
    const since = SUMMER_SINCE[zoneName];
    return new Date(since !== null && wall >= Date.parse(since) ? wall - HOUR_MS : wall).toISOString();
  });
  return starts.findLast((start) => Date.parse(start) <= Date.parse(at)) ?? 'before';
}
const HOUR_MS = 3_600_000;

/** Whether all periods are whole hours of 30 or 31 days: only then is tax exact. In March Paris lacks an hour. */
export const isExact = ({ zones, hasCredits }: World): boolean =>
  !hasCredits && !Object.values(zones).includes('Europe/Paris');

/** Calendar months in UTC: what is billed of them can be compared by months. */
export const isClassic = (world: World): boolean => JSON.stringify(world) === JSON.stringify(CLASSIC);
