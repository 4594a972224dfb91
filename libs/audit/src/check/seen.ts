import type { Caller } from '#ledger/caller';
import { ADMIN } from '#ledger/query';
import { isOpenTable } from '../seen-by-role.js';
import type { Finding } from './finding.js';

/** What a finding with costs or the margin says to roles that may not see them. */
const WITHOUT_AMOUNTS: ReadonlyMap<string, string> = new Map([
  ['margin_does_not_add_up', 'a margin does not add up'],
  ['cost_differs', 'the costs of the months differ from what providers charged'],
  ['cost_without_tenant', 'cost has no tenant'],
  ['kept_cost_differs', 'the cost that is kept of a month is wrong'],
  ['provider_total_differs', 'imported lines differ from the recorded total of a provider'],
]);

/** Of the ids of such a finding, those that are neither amounts nor rows. */
const PLAIN_IDS: readonly string[] = ['month', 'currency', 'table'];

/** Findings as the caller may see them: only roles that may see the margin see costs and the margin. */
export const seenBy = ({ role }: Pick<Caller, 'role'>, findings: readonly Finding[]): Finding[] =>
  findings.map((finding) => (ADMIN.includes(role) ? finding : withoutAmounts(finding)));

function withoutAmounts(finding: Finding): Finding {
  const { code, ids } = finding;
  const table = ids['table'];
  const what =
    typeof table === 'string' && !isOpenTable(table)
      ? `rows of ${table} differ from the log`
      : WITHOUT_AMOUNTS.get(code);
  if (what === undefined) return finding;
  return {
    ...finding,
    message: `${what}; a platform_admin sees the amounts`,
    ids: Object.fromEntries(Object.entries(ids).filter(([name]) => PLAIN_IDS.includes(name))),
  };
}
