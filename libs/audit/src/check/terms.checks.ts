import { sql } from 'kysely';
import type { Instant } from '#domain/time/instant';
import { overlapsOf } from '#domain/plans/overlap';
import { readPlanVersions } from '#projections/plans/plans.read';
import { at } from '#read-model/at';
import { type Check, type Finding, REBUILD, sqlCheck } from './finding.js';

/** At any instant there is at most one rate of a key, one version of a plan and one subscription of a deployment. */

interface Effective {
  readonly code: string;
  readonly table: 'rates' | 'plan_versions' | 'subscriptions';
  /** Rows with the same key must not overlap in time. */
  readonly key: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly what: string;
}

type Overlap = Readonly<Record<string, string>> & { readonly next_from: Instant };

const overlap = ({ code, table, key, ...columns }: Effective): Check => {
  const keys = sql.join(key.map((column) => sql.ref(column)));
  const [from, until] = [sql.ref(columns.from), sql.ref(columns.until)];
  return sqlCheck<Overlap>({
    code,
    find: (position) => sql`
      SELECT ${keys}, next_from, ${until} AS until
      FROM (
        SELECT ${keys}, ${until}, lead(${from}) OVER (PARTITION BY ${keys} ORDER BY ${from}) AS next_from
        FROM ${sql.table(table)}
        WHERE ${at(position)} AND (${until} IS NULL OR ${until} > ${from})) s
      WHERE next_from IS NOT NULL AND (${until} IS NULL OR next_from < ${until})
      ORDER BY ${keys}`,
    message: (row) => `${columns.what} ${key.map((column) => row[column]).join('/')} overlap at ${row.next_from}`,
    remedy: REBUILD,
  });
};

/** Items of one plan that take the same readings. It may be meant: one reading, billed under two terms. */
const items: Check = async ({ core, position }) => {
  const versions = await readPlanVersions(core.db, position, null);
  return versions.flatMap(({ plan_id: planId, effective_from: effectiveFrom, items: of }) =>
    overlapsOf(of).map(({ code, billingKind, filters, message }): Finding => ({
      code,
      message: `plan ${planId} from ${effectiveFrom}: ${message}`,
      ids: { planId, effectiveFrom, billingKind, filters },
      remedy: 'If that is not meant, set filters that exclude each other with correct-plan or publish-plan.',
    })),
  );
};

interface PayerOfPayer {
  readonly tenant_id: string;
  readonly payer_id: string;
  readonly payer_of_payer_id: string;
  readonly from: Instant;
}

/** A payer pays for itself. */
const payersOfPayers = sqlCheck<PayerOfPayer>({
  code: 'payer_has_payer',
  find: (position) => sql`
    SELECT p.tenant_id, p.payer_id, above.payer_id AS payer_of_payer_id,
      greatest(p.effective_from, above.effective_from) AS "from"
    FROM payers p
    JOIN payers above ON above.tenant_id = p.payer_id AND above.payer_id IS NOT NULL AND ${at(position, 'above')}
      AND above.effective_from < coalesce(p.effective_until, 'infinity')
      AND p.effective_from < coalesce(above.effective_until, 'infinity')
    WHERE ${at(position, 'p')}
    ORDER BY p.tenant_id, 4`,
  message: ({ tenant_id: tenantId, payer_id: payerId, payer_of_payer_id: above, from }) =>
    `${payerId} pays for tenant ${tenantId} from ${from} on, and ${above} for ${payerId}. Invoices of ${tenantId} are` +
    ` addressed to ${payerId}.`,
  remedy: 'There is one level of payers: end one of both with correct-payer.',
});

export const TERM_NOTICES: readonly Check[] = [items];
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
  payersOfPayers,
];
