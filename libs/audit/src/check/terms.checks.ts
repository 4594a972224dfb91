import { type Check, now, REBUILD, sqlCheck } from './finding.js';

/** What things are rated by: at most one rate, plan version, subscription at any instant. */

interface Spans {
  readonly code: string;
  readonly table: string;
  /** Whose spans must not overlap. */
  readonly key: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly what: string;
}

const overlap = ({ code, table, key, from, until, what }: Spans): Check =>
  sqlCheck(
    code,
    `SELECT ${key.join(', ')}, next_from, ${until} AS until FROM (
       SELECT ${key.join(', ')}, ${until}, lead(${from}) OVER (PARTITION BY ${key.join(', ')} ORDER BY ${from}) AS next_from FROM ${now(table)} t
       WHERE ${until} IS NULL OR ${until} > ${from}) s
     WHERE next_from IS NOT NULL AND (${until} IS NULL OR next_from < ${until}) ORDER BY ${key.join(', ')}`,
    (ids) =>
      `${what} ${Object.values(ids).slice(0, key.length).map(String).join('/')} overlap at ${String(ids['nextFrom'])}`,
    REBUILD,
  );

export const TERMS: readonly Check[] = [
  overlap({
    code: 'rates_overlap',
    table: 'rates',
    key: ['resource_type', 'resource_family', 'location'],
    from: 'effective_from',
    until: 'effective_until',
    what: 'rates of',
  }),
  overlap({
    code: 'plan_versions_overlap',
    table: 'plan_versions',
    key: ['plan_id'],
    from: 'effective_from',
    until: 'effective_until',
    what: 'versions of plan',
  }),
  overlap({
    code: 'subscriptions_overlap',
    table: 'subscriptions',
    key: ['deployment_id'],
    from: 'started_at',
    until: 'cancelled_at',
    what: 'subscriptions of deployment',
  }),
];
