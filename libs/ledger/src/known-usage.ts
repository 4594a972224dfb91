import { invalid } from '#domain/errors';
import type { Observation, ReadingKey } from '#domain/usage/usage';
import type { UsageRecordRow } from '#projections/usage-records/usage-records.table';
import type { Versioned } from '#read-model/table';
import { canonicalJson } from './command.js';
import type { LedgerCore } from './ledger-core.js';

/** What is known under a reading's key: every version of its record, from the first on. */
export interface KnownReading {
  readonly versions: readonly RecordVersion[];
  readonly last: RecordVersion;
  /** It was said never to have been. */
  readonly isWithdrawn: boolean;
}
type RecordVersion = UsageRecordRow & Versioned;

export const looseKey = (key: ReadingKey): string =>
  JSON.stringify([key.resourceId, key.billingKind, key.period.start, key.period.end, key.granularity, key.sourceId ?? '']);
const looseKeyOfRow = (row: UsageRecordRow): string =>
  JSON.stringify([row.resource_id, row.billing_kind, row.period_start, row.period_end, row.granularity, row.source_id]);

const SAME_KEY =
  'u.deployment_id = $1 AND u.billing_kind = k.billing_kind AND u.period_start = k.period_start AND u.resource_id = k.resource_id' +
  ' AND u.period_end = k.period_end AND u.granularity = k.granularity AND u.source_id = k.source_id';

/** What is known of these readings' keys, by key without provider: set-wise, whatever their number. */
async function knownReadings(core: LedgerCore, deploymentId: string, keys: readonly ReadingKey[]): Promise<Map<string, KnownReading[]>> {
  const { rows } = await core.pool.query<RecordVersion>({
    name: 'usage_records_by_key',
    text:
      'WITH k AS (SELECT DISTINCT * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])' +
      ' AS k(billing_kind, period_start, resource_id, period_end, granularity, source_id))' +
      ` SELECT u.* FROM k JOIN usage_records u ON ${SAME_KEY} WHERE u.position_to IS NULL` +
      ` UNION ALL SELECT u.* FROM k JOIN usage_records u ON ${SAME_KEY} WHERE u.position_to IS NOT NULL ORDER BY position_from`,
    values: [
      deploymentId,
      keys.map(({ billingKind }) => billingKind),
      keys.map(({ period }) => period.start),
      keys.map(({ resourceId }) => resourceId),
      keys.map(({ period }) => period.end),
      keys.map(({ granularity }) => granularity),
      keys.map(({ sourceId }) => sourceId ?? ''),
    ],
  });
  const histories = [...Map.groupBy(rows, (row) => JSON.stringify([looseKeyOfRow(row), row.provider])).values()];
  const known = histories.flatMap((versions): KnownReading[] => {
    const last = versions.at(-1);
    return last === undefined ? [] : [{ versions, last, isWithdrawn: last.position_to !== null }];
  });
  return Map.groupBy(known, ({ last }) => looseKeyOfRow(last));
}

/** Two readings are one unless both name a provider and these differ. */
export const mayBeOne = (provider: string, other: string): boolean => provider === '' || other === '' || provider === other;

/**
 * Finds what is known of a reading. Where the inventory has a resource of that id with several providers, a reading that names
 * one is not the one that names none; one that names none must not fit several (`ambiguous_provider`).
 */
export async function finder(
  core: LedgerCore,
  deploymentId: string,
  keys: readonly ReadingKey[],
): Promise<(key: ReadingKey, index: number) => KnownReading | undefined> {
  const known = await knownReadings(core, deploymentId, keys);
  const shared = await sharedIds(core, [...known.values()].flat());
  return (key, index) => {
    const provider = key.provider ?? '';
    const candidates = (known.get(looseKey(key)) ?? []).filter(({ last }) => mayBeOne(last.provider, provider));
    const exact = candidates.find(({ last }) => last.provider === provider);
    if (exact !== undefined) return exact;
    if (provider !== '' && shared.has(key.resourceId)) return undefined;
    if (candidates.length > 1)
      throw invalid('ambiguous_provider', `observations[${index}]: ${candidates.length} providers have a resource ${key.resourceId}: name the provider`, [
        { field: `observations[${index}].provider`, message: `must be one of ${candidates.map(({ last }) => last.provider).join(', ')}` },
      ]);
    return candidates[0];
  };
}

/** Of readings that name no provider: the resource ids that several providers have. */
async function sharedIds(core: LedgerCore, known: readonly KnownReading[]): Promise<ReadonlySet<string>> {
  const ids = [...new Set(known.flatMap(({ last }) => (last.provider === '' ? [last.resource_id] : [])))];
  if (ids.length === 0) return new Set();
  const { rows } = await core.pool.query<{ provider_id: string }>(
    'SELECT provider_id FROM resources WHERE provider_id = ANY($1) AND position_to IS NULL GROUP BY provider_id HAVING count(DISTINCT provider) > 1',
    [ids],
  );
  return new Set(rows.map(({ provider_id }) => provider_id));
}

export interface Body {
  readonly quantity: string;
  readonly rateKey: unknown;
  readonly attributes: unknown;
  readonly subAttribution: unknown;
}
export const bodyOf = ({ quantity, rateKey, attributes, subAttribution }: Observation): Body => ({
  quantity,
  rateKey: rateKey ?? null,
  attributes: attributes ?? null,
  subAttribution: subAttribution ?? null,
});
export const bodyOfRow = (row: UsageRecordRow): Body => ({
  quantity: row.quantity,
  rateKey: row.resource_type === null ? null : { resourceType: row.resource_type, resourceFamily: row.resource_family, location: row.location },
  attributes: row.attributes,
  subAttribution: row.sub_attribution,
});
export const sameBody = (row: UsageRecordRow, observation: Observation): boolean => canonicalJson(bodyOfRow(row)) === canonicalJson(bodyOf(observation));

/** The key under which a record is stored: a correction names exactly that. */
export const keyOfRow = (row: UsageRecordRow): ReadingKey => ({
  ...(row.provider === '' ? {} : { provider: row.provider }),
  resourceId: row.resource_id,
  billingKind: row.billing_kind,
  period: { start: row.period_start, end: row.period_end },
  granularity: row.granularity as ReadingKey['granularity'],
  ...(row.source_id === '' ? {} : { sourceId: row.source_id }),
});
