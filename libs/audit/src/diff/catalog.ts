import { decimal, text } from '#domain/money/decimal';
import type { RateSegment } from '#domain/rates/rate';
import { monthNamed } from '#domain/time/period';
import { asJsonb, fromLog, type FromLog, NOTHING, recordVersions } from '#billing/usage/pruned-usage';
import { ofType } from '#event-store/codec';
import { readEvent } from '../explain/evidence.js';
import { at, CHANGED, type Explaining, explaining, inTurn, type Span } from './span.js';
import type { Stretch } from '#projections/usage-records/usage-records.lookups';

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

const KEY = ['resource_type', 'resource_family', 'location', 'effective_from'] as const;
type Row = Record<(typeof KEY)[number], string> &
  Record<`${'before' | 'after'}_${'price' | 'currency' | 'unit' | 'until'}`, string | null> &
  Record<`${'before' | 'after'}_basis`, RateBasis | null> & {
    readonly positions: number[];
  };

const valuesOf = (table: 'a' | 'b'): string =>
  ['unit_price', 'currency', 'unit', 'basis', 'effective_until'].map((column) => `${table}.${column}`).join(', ');
const thenOf = (when: 'before' | 'after', table: 'a' | 'b'): string =>
  `${table}.unit_price AS ${when}_price, ${table}.currency AS ${when}_currency, ${table}.unit AS ${when}_unit, ${table}.basis AS ${when}_basis, ${table}.effective_until AS ${when}_until`;

/** Rates that are others now: by key and date. */
export async function rateDifferences(span: Span): Promise<RateDifference[]> {
  const { rows } = await span.context.core.pool.query<Row>(
    `SELECT ${KEY.map((column) => `k.${column}`).join(', ')}, ${thenOf('before', 'b')}, ${thenOf('after', 'a')}, k.positions
     FROM (SELECT ${KEY.join(', ')}, array_agg(DISTINCT p) AS positions FROM rates, unnest(ARRAY[position_from, position_to]) p WHERE ${CHANGED} AND p IS NOT NULL GROUP BY ${KEY.join(', ')}) k
     LEFT JOIN ${at('rates', '$1')} b USING (${KEY.join(', ')}) LEFT JOIN ${at('rates', '$2')} a USING (${KEY.join(', ')})
     WHERE (${valuesOf('b')}) IS DISTINCT FROM (${valuesOf('a')}) ORDER BY ${KEY.map((column) => `k.${column}`).join(', ')}`,
    [span.from, span.to],
  );
  const then = (row: Row, when: 'before' | 'after'): RateThen | null => {
    const {
      [`${when}_price` as const]: price,
      [`${when}_currency` as const]: currency,
      [`${when}_basis` as const]: basis,
    } = row;
    if (price === null || currency === null || basis === null) return null;
    return {
      unitPrice: text(decimal(price)),
      currency,
      unit: row[`${when}_unit`],
      basis,
      effectiveUntil: row[`${when}_until`],
    };
  };
  return inTurn(rows, async (row) => ({
    resourceType: row.resource_type,
    resourceFamily: row.resource_family,
    location: row.location,
    effectiveFrom: row.effective_from,
    before: then(row, 'before'),
    after: then(row, 'after'),
    ...(await explaining(span, row.positions)),
  }));
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

/** Usage that is another now: by deployment, billing kind and month. */
export async function usageDifferences(span: Span): Promise<UsageDifference[]> {
  const { rows } = await span.context.core.pool.query<{
    deployment_id: string;
    billing_kind: string;
    month: string;
    before: string;
    after: string;
    readings: number;
    positions: number[];
  }>(
    `SELECT deployment_id, billing_kind, to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
       coalesce(sum(quantity) FILTER (WHERE position_from <= $1 AND (position_to IS NULL OR position_to > $1)), 0) AS before,
       coalesce(sum(quantity) FILTER (WHERE position_from <= $2 AND (position_to IS NULL OR position_to > $2)), 0) AS after,
       count(DISTINCT (resource_id, period_start, period_end, granularity, provider, source_id))::int AS readings,
       array_agg(position_from) || array_agg(position_to) FILTER (WHERE position_to IS NOT NULL) AS positions
     FROM ${recordVersions(CHANGED, '$3')} u GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    [span.from, span.to, asJsonb((await prunedUsageOf(span)).versions)],
  );
  return inTurn(rows, async (row) => ({
    deploymentId: row.deployment_id,
    billingKind: row.billing_kind,
    month: row.month,
    before: text(decimal(row.before)),
    after: text(decimal(row.after)),
    readings: row.readings,
    ...(await explaining(span, row.positions)),
  }));
}

const USAGE_EVENTS = ['UsageObserved', 'UsageCorrected'] as const;

/** Readings of pruned months of which some changed. */
async function prunedUsageOf({ context: { core }, from, to }: Span): Promise<FromLog> {
  const { rows } = await core.pool.query<{ any: boolean }>('SELECT EXISTS (SELECT FROM pruned_usage) AS any');
  if (rows[0]?.any !== true) return NOTHING;
  const streams = new Map<string, Stretch>();
  for await (const stored of core.log.readAll(from, { types: USAGE_EVENTS })) {
    if (stored.position > to) break;
    const { deploymentId, month } = ofType(readEvent(stored), ...USAGE_EVENTS).data;
    streams.set(`${deploymentId} ${month}`, { deploymentId, billingKind: null, ...monthNamed(month) });
  }
  return fromLog(core, await core.usage.prunedMonths([...streams.values()]));
}
