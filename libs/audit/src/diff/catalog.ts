import { decimal, text } from '#domain/money/decimal';
import type { RateSegment } from '#domain/rates/rate';
import { monthNamed } from '#domain/time/period';
import { ofType } from '#event-store/codec';
import { fromLog, type FromLog, NOTHING } from '#billing/usage/pruned-usage';
import { type RateChange, readRateChanges } from '#projections/rates/rates.read';
import { readIsAnyPruned } from '#projections/usage-records/pruned-usage.read';
import { readUsageChanges } from '#projections/usage-records/usage-history.read';
import { readEvent } from '../explain/evidence.js';
import { changedIn, explained, type Explaining, type Span } from './span.js';
import type { UsageSpan } from '#projections/usage-records/usage-records.lookups';

type RateBasis = RateSegment['basis'];

export interface RateDifference extends Explaining {
  readonly resourceType: string;
  readonly resourceFamily: string;
  readonly location: string;
  readonly effectiveFrom: string;
  readonly before: RateThen | null;
  readonly after: RateThen | null;
}
interface RateThen {
  readonly unitPrice: string;
  readonly currency: string;
  readonly unit: string | null;
  readonly basis: RateBasis;
  readonly effectiveUntil: string | null;
}

/** Rates that differ, by key and date. */
export async function rateDifferences(span: Span): Promise<RateDifference[]> {
  const changes = await readRateChanges(span.context.core.db, changedIn(span));
  return explained(
    span,
    changes.map((row) => ({
      difference: {
        resourceType: row.resource_type,
        resourceFamily: row.resource_family,
        location: row.location,
        effectiveFrom: row.effective_from,
        before: rateThen(row, 'before'),
        after: rateThen(row, 'after'),
      },
      positions: row.positions,
    })),
  );
}

function rateThen(row: RateChange, when: 'before' | 'after'): RateThen | null {
  const price = row[`${when}_price`];
  const currency = row[`${when}_currency`];
  const basis = row[`${when}_basis`];
  if (price === null || currency === null || basis === null) return null;
  return {
    unitPrice: text(decimal(price)),
    currency,
    unit: row[`${when}_unit`],
    basis,
    effectiveUntil: row[`${when}_until`],
  };
}

export interface UsageDifference extends Explaining {
  readonly deploymentId: string;
  readonly billingKind: string;
  /** The UTC month of the readings. */
  readonly month: string;
  readonly before: string;
  readonly after: string;
  /** How many readings came, went or changed. */
  readonly readings: number;
}

/** Usage that differs, by deployment, billing kind and month. `versions`: of readings in pruned months. */
export async function usageDifferences(span: Span, { versions }: FromLog): Promise<UsageDifference[]> {
  const changes = await readUsageChanges(span.context.core.db, changedIn(span), versions);
  return explained(
    span,
    changes.map((row) => ({
      difference: {
        deploymentId: row.deployment_id,
        billingKind: row.billing_kind,
        month: row.month,
        before: text(decimal(row.before)),
        after: text(decimal(row.after)),
        readings: row.readings,
      },
      positions: row.positions,
    })),
  );
}

const USAGE_EVENTS = ['UsageObserved', 'UsageCorrected'] as const;

/** Pruned months with changed readings. */
export async function prunedUsageOf({ context: { core }, from, to }: Span): Promise<FromLog> {
  if (!(await readIsAnyPruned(core.db))) return NOTHING;
  const streams = new Map<string, UsageSpan>();
  for await (const stored of core.log.readAll(from, { types: USAGE_EVENTS })) {
    if (stored.position > to) break;
    const { deploymentId, month } = ofType(readEvent(stored), ...USAGE_EVENTS).data;
    streams.set(`${deploymentId} ${month}`, { deploymentId, billingKind: null, ...monthNamed(month) });
  }
  return fromLog(core, await core.usage.prunedMonths([...streams.values()]));
}
