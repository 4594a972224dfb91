import type pg from 'pg';
import { earlier, type Instant, instant, later, plusHours } from '#domain/time/instant';
import { excludedGranularity, type Granularity, type ReadingKey } from '#domain/usage/usage';
import { BatchLoader } from '#postgres/batch-loader';
import type { RecordVersion } from './usage-records.read.js';
import type { UsageProviderRow } from './usage-records.table.js';

/** The usage of a deployment and billing kind (null: of any) over a span of time. A null start or end is open. */
export interface UsageSpan {
  readonly deploymentId: string;
  readonly billingKind: string | null;
  readonly start: Instant | null;
  readonly end: Instant | null;
}

export interface PrunedMonth {
  readonly deploymentId: string;
  readonly billingKind: string;
  /** `2026-04` */
  readonly month: string;
  /** The position of the pruning. */
  readonly position: number;
}

/** Readings of one deployment, by keys without a provider. */
interface Keys {
  readonly deploymentId: string;
  readonly keys: readonly ReadingKey[];
}

/** A separator. Ids contain no control characters. */
const SEPARATOR = '\u0001';
export const looseKey = ({ resourceId, billingKind, period, granularity, sourceId = '' }: ReadingKey): string =>
  `${resourceId}${SEPARATOR}${billingKind}${SEPARATOR}${period.start}${SEPARATOR}${period.end}${SEPARATOR}` +
  `${granularity}${SEPARATOR}${sourceId}`;
export const looseKeyOfRow = (row: Omit<UsageProviderRow, 'provider'>): string =>
  [row.resource_id, row.billing_kind, row.period_start, row.period_end, row.granularity, row.source_id].join(SEPARATOR);

/** The resource, kind and UTC day of a reading: the same of a day and of its hours. Sources and providers differ. */
export const dayKey = ({ resourceId, billingKind, period: { start } }: ReadingKey): string =>
  [resourceId, billingKind, start.slice(0, 10)].join(SEPARATOR);
const dayKeyOfRow = (row: Omit<UsageProviderRow, 'provider'>): string =>
  [row.resource_id, row.billing_kind, row.period_start.slice(0, 10)].join(SEPARATOR);

/** Tells the rows whose granularity excludes one of these readings. */
export function excluders(keys: readonly ReadingKey[]): (row: Omit<UsageProviderRow, 'provider'>) => boolean {
  const days = new Set(keys.map((key) => `${excludedGranularity(key.granularity) ?? ''}${dayKey(key)}`));
  return (row) => days.has(`${row.granularity}${dayKeyOfRow(row)}`);
}

/** Ingest looks up every reading here. These named statements stay on pg: kysely would build each of them again. */
const KEYS =
  'WITH k AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[],' +
  ' $6::text[], $7::text[])' +
  ' AS k(deployment_id, billing_kind, period_start, resource_id, period_end, granularity, source_id))';
const SAME_KEY =
  'u.deployment_id = k.deployment_id AND u.billing_kind = k.billing_kind AND u.period_start = k.period_start' +
  ' AND u.resource_id = k.resource_id AND u.period_end = k.period_end AND u.granularity = k.granularity' +
  ' AND u.source_id = k.source_id' +
  // Limits the look-up to partitions of these months.
  ' AND u.period_start >= $8::timestamptz AND u.period_start <= $9::timestamptz';

/**
 * Key by key through the index: as one join, the planner would read the whole of a table that grows faster than its
 * statistics. DISTINCT ON, by columns that tell the rows of a key apart, keeps it from joining. Citus takes it because
 * it begins with the column by which the table is distributed; it takes no OFFSET.
 */
const recordsOf = (half: string, distinct: string): string =>
  `(SELECT DISTINCT ON (u.deployment_id, ${distinct}) u.* FROM usage_records u WHERE ${SAME_KEY} AND ${half})`;

const IN_FORCE = recordsOf('u.position_to IS NULL', 'u.provider');
const SUPERSEDED = recordsOf('u.position_to IS NOT NULL', 'u.provider, u.position_from');

function keyValues(asked: readonly Keys[]): unknown[] {
  const all = asked.flatMap(({ deploymentId, keys }) => keys.map((key) => ({ ...key, deploymentId })));
  const starts = all.map(({ period }) => period.start);
  return [
    all.map(({ deploymentId }) => deploymentId),
    all.map(({ billingKind }) => billingKind),
    starts,
    all.map(({ resourceId }) => resourceId),
    all.map(({ period }) => period.end),
    all.map(({ granularity }) => granularity),
    all.map(({ sourceId }) => sourceId ?? ''),
    starts.reduce<Instant | null>((first, start) => (first === null ? start : earlier(first, start)), null),
    starts.reduce<Instant | null>((last, start) => (last === null ? start : later(last, start)), null),
  ];
}

/** What would exclude a reading: the day of an hour, or the hours of a day. */
interface Excluded {
  readonly deploymentId: string;
  readonly billingKind: string;
  readonly day: Instant;
  readonly resourceId: string;
  /** The first period that would exclude it, from the start of its day, ends here. */
  readonly end: Instant;
  readonly granularity: Granularity;
}

/** Each once: 24 hours have one day. */
function excludedOf(asked: readonly Keys[]): Excluded[] {
  const found = new Map<string, Excluded>();
  // Many readings are of few days.
  const known = new Map<string, Pick<Excluded, 'day' | 'end'>>();
  const firstOf = (date: string, granularity: Granularity): Pick<Excluded, 'day' | 'end'> => {
    const before = known.get(granularity + date);
    if (before !== undefined) return before;
    const day = instant(`${date}T00:00:00Z`);
    const first = { day, end: plusHours(day, granularity === 'day' ? 24 : 1) };
    known.set(granularity + date, first);
    return first;
  };
  for (const { deploymentId, keys } of asked)
    for (const key of keys) {
      const granularity = excludedGranularity(key.granularity);
      const { billingKind, resourceId } = key;
      if (granularity === null) continue;
      const name = [deploymentId, granularity, dayKey(key)].join(SEPARATOR);
      if (found.has(name)) continue;
      const bounds = firstOf(key.period.start.slice(0, 10), granularity);
      found.set(name, { deploymentId, billingKind, resourceId, granularity, ...bounds });
    }
  return [...found.values()];
}

const excluderIn = (key: string, start: string, end: string): string =>
  '(SELECT DISTINCT ON (u.deployment_id, u.provider, u.source_id) u.* FROM usage_records u' +
  ` WHERE u.deployment_id = ${key}.deployment_id` +
  ` AND u.billing_kind = ${key}.billing_kind AND u.period_start = ${start} AND u.resource_id = ${key}.resource_id` +
  ` AND u.period_end = ${end} AND u.granularity = ${key}.granularity AND u.position_to IS NULL` +
  ' AND u.period_start >= $16::timestamptz AND u.period_start < $17::timestamptz)';

/**
 * A day begins with its reading, or with its first hour. Further hours are looked up where the kind has any that day,
 * which one step through the index shows for all resources: mostly a kind is metered by one granularity.
 */
const EXCLUDED =
  'e AS (SELECT * FROM unnest($10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::timestamptz[],' +
  ' $15::text[]) AS e(deployment_id, billing_kind, day, resource_id, period_end, granularity)),' +
  ' hourly AS MATERIALIZED (SELECT g.* FROM' +
  " (SELECT DISTINCT deployment_id, billing_kind, day FROM e WHERE granularity = 'hour') g" +
  ' CROSS JOIN LATERAL (SELECT DISTINCT ON (u.deployment_id) true FROM usage_records u' +
  ' WHERE u.deployment_id = g.deployment_id' +
  ' AND u.billing_kind = g.billing_kind AND u.period_start > g.day' +
  " AND u.period_start < g.day + interval '24 hours' AND u.granularity = 'hour' AND u.position_to IS NULL" +
  ' AND u.period_start >= $16::timestamptz AND u.period_start < $17::timestamptz) any_hour)';
const EXCLUDERS =
  `SELECT u.*, true AS excludes FROM e CROSS JOIN LATERAL ${excluderIn('e', 'e.day', 'e.period_end')} u` +
  ' UNION ALL SELECT u.*, true FROM hourly JOIN e USING (deployment_id, billing_kind, day)' +
  " CROSS JOIN generate_series(e.day + interval '1 hour', e.day + interval '23 hours', interval '1 hour') AS hour" +
  ` CROSS JOIN LATERAL ${excluderIn('e', 'hour', "hour + interval '1 hour'")} u WHERE e.granularity = 'hour'`;

/** The rows of each question, out of the rows found for all. */
function divided<Row extends UsageProviderRow>(asked: readonly Keys[], rows: readonly Row[]): Row[][] {
  const ofDeployment = Map.groupBy(rows, ({ deployment_id }) => deployment_id);
  return asked.map(({ deploymentId, keys }) => {
    const found = ofDeployment.get(deploymentId) ?? [];
    const own = new Set(keys.map(looseKey));
    return found.filter((row) => own.has(looseKeyOfRow(row)));
  });
}

type Found = RecordVersion & { readonly excludes: boolean };

/** The readings of one deployment that are kept. */
interface KeptReadings {
  /** All versions of the readings, in the order of positions. */
  readonly versions: RecordVersion[];
  /** The records in force that exclude the readings: their day, or the hours of their day. */
  readonly excluders: RecordVersion[];
}

function keptOf(asked: readonly Keys[], found: readonly Found[]): KeptReadings[] {
  const versions = divided(
    asked,
    found.filter(({ excludes }) => !excludes),
  );
  const others = Map.groupBy(
    found.filter(({ excludes }) => excludes),
    ({ deployment_id }) => deployment_id,
  );
  return asked.map(({ deploymentId, keys }, index) => ({
    versions: versions[index] ?? [],
    excluders: others.size === 0 ? [] : (others.get(deploymentId) ?? []).filter(excluders(keys)),
  }));
}

function excludedValues(asked: readonly Keys[]): unknown[] {
  const all = excludedOf(asked);
  const days = all.map(({ day }) => day);
  const last = days.reduce<Instant | null>((a, b) => (a === null ? b : later(a, b)), null);
  return [
    all.map(({ deploymentId }) => deploymentId),
    all.map(({ billingKind }) => billingKind),
    days,
    all.map(({ resourceId }) => resourceId),
    all.map(({ end }) => end),
    all.map(({ granularity }) => granularity),
    days.reduce<Instant | null>((a, b) => (a === null ? b : earlier(a, b)), null),
    last === null ? null : plusHours(last, 24),
  ];
}

/** SQL: the month of a row of `pruned_usage p`, as `2026-04`. */
export const MONTH_NAME = "to_char(p.month AT TIME ZONE 'UTC', 'YYYY-MM')";

/** What is known of incoming readings. Look-ups for many senders run as one. */
export class UsageLookups {
  private readonly loader: BatchLoader<Keys, KeptReadings>;
  private readonly named: BatchLoader<Keys, UsageProviderRow[]>;
  private readonly pruned: BatchLoader<readonly UsageSpan[], PrunedMonth[]>;

  constructor(private readonly pool: pg.Pool) {
    const sizeOf = ({ keys }: Keys): number => keys.length;
    this.loader = new BatchLoader(async (asked) => keptOf(asked, await this.foundOf(asked)), sizeOf);
    this.named = new BatchLoader(async (asked) => divided(asked, await this.namedOf(asked)), sizeOf);
    this.pruned = new BatchLoader(
      async (asked) => this.prunedOf(asked),
      (spans) => spans.length,
    );
  }

  /** What is kept of the readings, of any provider, and what excludes them. One statement. */
  async kept(deploymentId: string, keys: readonly ReadingKey[]): Promise<KeptReadings> {
    return this.loader.load({ deploymentId, keys });
  }

  /** The providers that were named later for readings recorded without one. */
  async namedProviders(deploymentId: string, keys: readonly ReadingKey[]): Promise<UsageProviderRow[]> {
    return keys.length === 0 ? [] : this.named.load({ deploymentId, keys });
  }

  /**
   * The pruned months of these spans, as of now: pruned records are gone as of every position.
   */
  async prunedMonths(spans: readonly UsageSpan[]): Promise<PrunedMonth[]> {
    return this.pruned.load(spans);
  }

  private async foundOf(asked: readonly Keys[]): Promise<Found[]> {
    const { rows } = await this.pool.query<Found>({
      name: 'usage_records_by_key',
      text:
        `${KEYS}, ${EXCLUDED}` +
        ` SELECT u.*, false AS excludes FROM k CROSS JOIN LATERAL ${IN_FORCE} u` +
        ` UNION ALL SELECT u.*, false FROM k CROSS JOIN LATERAL ${SUPERSEDED} u` +
        ` UNION ALL ${EXCLUDERS} ORDER BY position_from`,
      values: [...keyValues(asked), ...excludedValues(asked)],
    });
    return rows;
  }

  private async namedOf(asked: readonly Keys[]): Promise<UsageProviderRow[]> {
    const { rows } = await this.pool.query<UsageProviderRow>({
      name: 'usage_providers_by_key',
      text: `${KEYS} SELECT u.* FROM k JOIN usage_providers u ON ${SAME_KEY} WHERE u.position_to IS NULL`,
      values: keyValues(asked),
    });
    return rows;
  }

  private async prunedOf(asked: readonly (readonly UsageSpan[])[]): Promise<PrunedMonth[][]> {
    const all = asked.flatMap((spans, question) => spans.map((span) => ({ ...span, question })));
    const { rows } = await this.pool.query<PrunedMonth & { question: number }>({
      name: 'pruned_months',
      text:
        'SELECT DISTINCT n.question, p.deployment_id AS "deploymentId", p.billing_kind AS "billingKind",' +
        ` ${MONTH_NAME} AS month, p.position_from AS position` +
        ' FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])' +
        ' AS n(question, deployment_id, billing_kind, start_at, end_at)' +
        ' JOIN pruned_usage p ON p.deployment_id = n.deployment_id' +
        ' AND p.billing_kind = coalesce(n.billing_kind, p.billing_kind)' +
        ' AND (n.end_at IS NULL OR p.month < n.end_at)' +
        " AND (n.start_at IS NULL OR p.month + interval '1 month' > n.start_at) ORDER BY 1, 2, 4, 3",
      values: [
        all.map(({ question }) => question),
        all.map(({ deploymentId }) => deploymentId),
        all.map(({ billingKind }) => billingKind),
        all.map(({ start }) => start),
        all.map(({ end }) => end),
      ],
    });
    const ofQuestion = Map.groupBy(rows, ({ question }) => question);
    return asked.map((_, question) => (ofQuestion.get(question) ?? []).map(({ question: _asked, ...month }) => month));
  }
}
