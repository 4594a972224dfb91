import type { FrozenRow } from '#domain/invoices/invoice';
import { isBaseFee, type LineDefinition, type LineSegment, prorated } from '#domain/lines/line';
import { type Decimal, decimal } from '#domain/money/decimal';
import { unitAmountText } from '#domain/money/money';
import { withOverrides } from '#domain/plans/overrides';
import { itemKey, planAt, type PlanVersion } from '#domain/plans/plan';
import { isFlat } from '#domain/prices/flat';
import { COMMITMENT_TRUE_UP, MINIMUM_COMMITMENT, readRef } from '#domain/prices/refs';
import { rateKeyText } from '#domain/rates/rate';
import { type Instant, instant, isBefore, later } from '#domain/time/instant';
import { contains, intersection, type Period } from '#domain/time/period';
import type { RateKey } from '#domain/usage/usage';
import { EventCodec } from '#event-store/codec';
import type { LedgerCore } from '#ledger/ledger-core';
import { readSubscriptionOverrides, toOverrides } from '#projections/deployments/deployments.read';
import { toVersion } from '#projections/plans/plans.projection';
import { readPlanVersions } from '#projections/plans/plans.read';
import { toSegment } from '#projections/rates/rates.projection';
import { readRatesOfKeys } from '#projections/rates/rates.read';
import { isAt } from '#read-model/at';
import type { Versioned } from '#read-model/table';

/** The price that a row has, and what made it so since the row that it corrects. */
export interface RowPrice {
  readonly planId: string;
  /** The key of a rate. null: the price is in the plan. */
  readonly rateKey: string | null;
  /** The whole amount of a fee or a minimum commitment; else the unit amount. */
  readonly amount: string;
  readonly effectiveFrom: Instant;
  /** The last change of the price (of a plan: of the item's terms) since then. null: they are as they were. */
  readonly setBy: { readonly position: number; readonly recordedAt: string; readonly reason: string | null } | null;
}

/** A row as known at a position, and where the rows that it corrects were computed. null: it corrects none. */
export interface RowOfLine {
  readonly row: FrozenRow;
  readonly line: LineDefinition | undefined;
  readonly currency: string;
  readonly known: number;
  readonly knownBefore: number | null;
}

/** The prices of rows, in their order, in a constant number of statements. */
export async function pricesOfRows(core: LedgerCore, rows: readonly RowOfLine[]): Promise<RowPrice[]> {
  const priced = rows.map((of) => ({
    ...of,
    segment: of.line === undefined ? null : segmentOf(of.row, of.currency, of.line),
  }));
  const corrections = priced.filter(({ knownBefore }) => knownBefore !== null);
  const setAt = corrections.length === 0 ? () => null : await changesOfPrices(core, corrections);
  const positions = priced.map(setAt);
  const events = await eventsAt(core, new Set(positions.flatMap((position) => position ?? [])));
  return priced.map((of, index) => {
    const { row, currency, segment } = of;
    const rate = rateOf(row);
    const position = positions[index] ?? null;
    return {
      planId: planOf(of),
      rateKey: rate?.key ?? null,
      amount: unitAmountText(decimal(amountOf(row, segment)), currency),
      effectiveFrom: rate?.effectiveFrom ?? segment?.planEffectiveFrom ?? row.planEffectiveFrom,
      setBy: position === null ? null : (events.get(position) ?? null),
    };
  });
}

function amountOf(row: FrozenRow, segment: LineSegment | null): string {
  if (segment === null) return row.unitAmount;
  const { price, commitments } = segment.terms;
  if (row.ref === MINIMUM_COMMITMENT || row.ref === COMMITMENT_TRUE_UP)
    return segment.minimum?.whole ?? commitments?.minimum ?? row.unitAmount;
  return isFlat(price) ? price.amount : row.unitAmount;
}

/** A row with the segment of its line that has its terms. null: the line no longer exists. */
type Priced = RowOfLine & { readonly segment: LineSegment | null };

/** A row of a base fee names the plan at the start of its charge. The fee may be that of the next plan. */
const planOf = ({ row, segment }: Priced): string => segment?.planId ?? row.planId;

type TermsOfLine = Pick<LineDefinition, 'itemKey' | 'billingPeriod' | 'segments'>;

/** The segment of the line whose terms a row has. A base fee is whole in its segment, and prorated in the row. */
export function segmentOf(row: FrozenRow, currency: string, line: TermsOfLine): LineSegment | null {
  if (isBaseFee(line))
    return line.segments.find((segment) => feeShareIn(segment, row, currency, line) !== null) ?? null;
  return (
    line.segments.findLast(
      ({ planId, period }) => planId === row.planId && isBefore(period.start, row.chargePeriod.end),
    ) ?? null
  );
}

/** The fee of a segment, and the piece of a row's period in it. null: the row's amount is no share of the fee. */
export function feeShareIn(
  { period, terms: { price } }: LineSegment,
  row: FrozenRow,
  currency: string,
  { billingPeriod }: Pick<LineDefinition, 'billingPeriod'>,
): { readonly fee: Decimal; readonly piece: Period } | null {
  const piece = intersection(period, row.chargePeriod);
  if (piece === null || !isFlat(price)) return null;
  const fee = decimal(price.amount);
  return prorated(fee, currency, piece, billingPeriod).eq(decimal(row.unitAmount)) ? { fee, piece } : null;
}

/** The key of a rate-card row, and the start of its rate. null: the row has a price of the plan. */
function rateOf({ ref }: FrozenRow): { readonly key: string; readonly effectiveFrom: Instant } | null {
  if (readRef(ref).kind !== 'rate') return null;
  const at = ref.lastIndexOf('@');
  return { key: ref.slice(0, at), effectiveFrom: instant(ref.slice(at + 1)) };
}

/** Finds where the price of a row changed last, after the rows that it corrects were computed. */
async function changesOfPrices(core: LedgerCore, rows: readonly Priced[]): Promise<(of: Priced) => number | null> {
  const everKnown = { first: 0, last: rows.reduce((last, { known }) => Math.max(last, known), 0) };
  const planIds = [...new Set(rows.map(planOf))];
  const plans = Map.groupBy(await readPlanVersions(core.db, everKnown, planIds), ({ plan_id }) => plan_id);
  const subscriptionIds = [...new Set(rows.flatMap(({ line }) => line?.subscriptionId ?? []))];
  const overrides = Map.groupBy(
    await readSubscriptionOverrides(core.db, everKnown, subscriptionIds),
    ({ subscription_id, tenant_id }) => ownerText(subscription_id, tenant_id),
  );
  const keys = [...new Set(rows.flatMap(({ row }) => rateOf(row)?.key ?? []))].flatMap(keysWritten);
  const rates = Map.groupBy(
    keys.length === 0 ? [] : await readRatesOfKeys(core.db, everKnown, keys),
    ({ resource_type: resourceType, resource_family: resourceFamily, location }) =>
      rateKeyText({ resourceType, resourceFamily, location }),
  );
  return (of) => {
    const { row, line, segment, known, knownBefore } = of;
    if (line === undefined || knownBefore === null) return null;
    const at = later(segment?.period.start ?? line.period.start, row.chargePeriod.start);
    const rate = rateOf(row);
    if (rate !== null) {
      const ofKey = rates.get(rate.key) ?? [];
      return lastChange(ofKey, { known, knownBefore }, (isKnown) => {
        const inForce = ofKey
          .filter(isKnown)
          .map(toSegment)
          .find(({ effectiveFrom: start, effectiveUntil: end }) => contains({ start, end }, at));
        return inForce === undefined ? null : [inForce.unitPrice, inForce.unit, inForce.currency, inForce.basis];
      });
    }
    const own = overrides.get(ownerText(line.subscriptionId, line.tenantId)) ?? [];
    const versions = plans.get(planOf(of)) ?? [];
    return lastChange([...versions, ...own], { known, knownBefore }, (isKnown) => {
      const agreed = own.filter(isKnown).map(toOverrides);
      return termsAt(withOverrides(versions.filter(isKnown).map(toVersion), agreed), line.itemKey, at);
    });
  };
}

const ownerText = (subscriptionId: string, tenantId: string): string => JSON.stringify([subscriptionId, tenantId]);

function termsAt(versions: readonly PlanVersion[], key: string, at: Instant): unknown {
  const version = planAt(versions, at);
  if (version === undefined) return null;
  if (isBaseFee({ itemKey: key })) return [version.baseFee, version.paymentTerm];
  return version.items.find((item) => itemKey(item) === key) ?? null;
}

/** The last position at which a value changed, if it is not what it was before. */
function lastChange(
  rows: readonly Versioned[],
  { known, knownBefore }: { readonly known: number; readonly knownBefore: number },
  valueOf: (isKnown: (row: Versioned) => boolean) => unknown,
): number | null {
  const textAt = (position: number): string => JSON.stringify(valueOf((row) => isAt(row, position)));
  if (textAt(known) === textAt(knownBefore)) return null;
  const positions = rows
    .flatMap(({ position_from: from, position_to: to }) => (to === null ? [from] : [from, to]))
    .filter((position) => position > knownBefore && position <= known)
    .sort((a, b) => b - a);
  return positions.find((position) => textAt(position) !== textAt(position - 1)) ?? null;
}

/** The keys that are written so. Each of their three parts may itself contain a slash. */
function keysWritten(text: string): RateKey[] {
  const parts = text.split('/');
  const slashes = parts.map((_, index) => index).slice(1);
  return slashes.flatMap((first) =>
    slashes
      .filter((second) => second > first)
      .map((second) => ({
        resourceType: parts.slice(0, first).join('/'),
        resourceFamily: parts.slice(first, second).join('/'),
        location: parts.slice(second).join('/'),
      })),
  );
}

const codec = new EventCodec();

/** When events were recorded, and the reason that they state. */
async function eventsAt(core: LedgerCore, positions: ReadonlySet<number>) {
  const events = new Map<number, NonNullable<RowPrice['setBy']>>();
  if (positions.size === 0) return events;
  for await (const stored of core.log.readAt([...positions])) {
    const { position, recordedAt, data } = codec.decodeAsWritten(stored);
    events.set(position, { position, recordedAt, reason: 'reason' in data ? (data.reason ?? null) : null });
  }
  return events;
}
