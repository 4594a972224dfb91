import { canonicalJson } from '#domain/canonical-json';
import { type DomainError, invalid } from '#domain/errors';
import { monthOf } from '#domain/time/period';
import { type Observation, type ReadingKey, usageMonth } from '#domain/usage/usage';
import type { UsageProviderRow, UsageRecordRow } from '#projections/usage-records/usage-records.table';
import type { LedgerCore } from '#ledger/ledger-core';
import { monthsHaving } from './pruned-sources.js';
import { withPruned, withPrunedMonths } from './pruned-usage.js';
import { excluders, looseKey, looseKeyOfRow, type UsageSpan } from '#projections/usage-records/usage-records.lookups';
import { readRecordsBySource, type RecordVersion } from '#projections/usage-records/usage-records.read';

/** One of the readings of a key. */
export interface Held {
  /** The provider that it was recorded with. '': none. */
  readonly provider: string;
  /** The provider that it was recorded with, or else the provider that a later reading named. '': none so far. */
  readonly holder: string;
}

/** What is known under the key of a reading: every version of its record, in order. */
export interface KnownReading extends Held {
  readonly versions: readonly RecordVersion[];
  readonly last: RecordVersion;
  /** A correction withdrew it. */
  readonly isWithdrawn: boolean;
}

export type KnownReadings = Map<string, KnownReading[]>;

/** What is known of the keys of these readings, by key without a provider. The read is set-wise. */
export const knownReadings = async (
  core: LedgerCore,
  deploymentId: string,
  keys: readonly ReadingKey[],
): Promise<KnownReadings> => (await knownWithExcluders(core, deploymentId, keys)).known;

/** `excluders`: the readings in force that exclude those which are not in force themselves. */
export async function knownWithExcluders(
  core: LedgerCore,
  deploymentId: string,
  keys: readonly ReadingKey[],
): Promise<{ readonly known: KnownReadings; readonly excluders: readonly KnownReading[] }> {
  return withPruned(core, spansOf(deploymentId, keys), async ({ versions, providers }) => {
    const asked = versions.length === 0 ? new Set<string>() : new Set(keys.map(looseKey));
    const isAsked = (row: Omit<UsageProviderRow, 'provider'>): boolean => asked.has(looseKeyOfRow(row));
    const kept = await core.usage.kept(deploymentId, keys);
    const known = await byKey(
      core,
      deploymentId,
      [...kept.versions, ...versions.filter(isAsked)],
      providers.filter(isAsked),
    );
    const others = [...kept.excluders, ...versions.filter(({ position_to }) => position_to === null)];
    const rows = others.length === 0 ? [] : others.filter(excluders(keys.filter((key) => !isInForce(known, key))));
    return {
      known,
      excluders: rows.length === 0 ? [] : [...(await byKey(core, deploymentId, rows, providers)).values()].flat(),
    };
  });
}

const isInForce = (known: KnownReadings, key: ReadingKey): boolean =>
  fitting(known.get(looseKey(key)) ?? [], key.provider ?? '').some(({ isWithdrawn }) => !isWithdrawn);

/** The months and kinds that keys are of. */
function spansOf(deploymentId: string, keys: readonly ReadingKey[]): UsageSpan[] {
  const apart = new Map(
    keys.map(({ billingKind, period: { start } }) => [`${usageMonth(start)} ${billingKind}`, { billingKind, start }]),
  );
  return [...apart.values()].map(({ billingKind, start }) => ({ deploymentId, billingKind, ...monthOf(start) }));
}

/** What is known of readings with one of these source ids, of any time. */
export async function knownBySource(
  core: LedgerCore,
  deploymentId: string,
  sourceIds: readonly string[],
): Promise<KnownReading[]> {
  const asked = new Set(sourceIds.filter((sourceId) => sourceId !== ''));
  const span = { deploymentId, billingKind: null, start: null, end: null };
  return withPrunedMonths(
    core,
    async () => monthsHaving(core, await core.usage.prunedMonths([span]), asked),
    async ({ versions, providers }) => {
      const rows = await readRecordsBySource(core.db, deploymentId, sourceIds);
      const isAsked = ({ source_id }: { readonly source_id: string }): boolean => asked.has(source_id);
      return [
        ...(
          await byKey(core, deploymentId, [...rows, ...versions.filter(isAsked)], providers.filter(isAsked))
        ).values(),
      ].flat();
    },
  );
}

/** Groups versions of readings by key. `providers`: named providers that only the log has. */
async function byKey(
  core: LedgerCore,
  deploymentId: string,
  rows: readonly RecordVersion[],
  providers: readonly UsageProviderRow[],
): Promise<Map<string, KnownReading[]>> {
  const named = new Map([
    ...[
      ...(await core.usage.namedProviders(deploymentId, rows.filter(({ provider }) => provider === '').map(keyOfRow))),
      ...providers,
    ].map((row) => [looseKeyOfRow(row), row.provider] as const),
  ]);
  const histories = [...Map.groupBy(rows, (row) => JSON.stringify([looseKeyOfRow(row), row.provider])).values()];
  const known = histories.flatMap((versions): KnownReading[] => {
    const last = versions.at(-1);
    if (last === undefined) return [];
    const holder = last.provider === '' ? (named.get(looseKeyOfRow(last)) ?? '') : last.provider;
    return [{ provider: last.provider, holder, versions, last, isWithdrawn: last.position_to !== null }];
  });
  return Map.groupBy(known, ({ last }) => looseKeyOfRow(last));
}

/**
 * The readings of a key that one with this provider ('' for none) may be. Two readings are the same unless they name
 * different providers. A reading without a provider belongs to the first provider that is named. The result has
 * several only for a reading without a provider.
 */
export function fitting<Reading extends Held>(readings: readonly Reading[], provider: string): Reading[] {
  const exact = readings.find((each) => each.provider === provider);
  if (exact !== undefined) return [exact];
  if (provider === '') return [...readings];
  const own = readings.find(({ holder }) => holder === provider) ?? readings.find(({ holder }) => holder === '');
  return own === undefined ? [] : [own];
}

/**
 * A reading names no provider, and several have one. `where`: the part of the command, `field`: the field to fill in.
 */
export const ambiguousProvider = (
  where: string,
  field: string,
  resourceId: string,
  readings: readonly Held[],
): DomainError =>
  invalid(
    'ambiguous_provider',
    `${where}: ${readings.length} providers have a resource ${resourceId}: name the provider`,
    [
      {
        field,
        message: `must be one of ${readings
          .map(({ provider }) => provider)
          .sort()
          .join(', ')}`,
      },
    ],
  );

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
  rateKey:
    row.resource_type === null
      ? null
      : { resourceType: row.resource_type, resourceFamily: row.resource_family, location: row.location },
  attributes: row.attributes,
  subAttribution: row.sub_attribution,
});
export const sameBody = (row: UsageRecordRow, observation: Observation): boolean =>
  canonicalJson(bodyOfRow(row)) === canonicalJson(bodyOf(observation));

/** The key that a record is stored with: a correction must name exactly this key. */
export const keyOfRow = (row: UsageRecordRow): ReadingKey => ({
  ...(row.provider === '' ? {} : { provider: row.provider }),
  resourceId: row.resource_id,
  billingKind: row.billing_kind,
  period: { start: row.period_start, end: row.period_end },
  granularity: row.granularity,
  ...(row.source_id === '' ? {} : { sourceId: row.source_id }),
});
