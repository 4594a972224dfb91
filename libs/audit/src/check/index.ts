import type { QueryContext } from '#ledger/query';
import { againstServer } from './against-server.js';
import { BILLING } from './billing.checks.js';
import { BOOKS } from './books.checks.js';
import { DETAILS, DETAILS_NOTICES } from './details.checks.js';
import type { Check, Finding } from './finding.js';
import { COST_NOTICES, MARGIN } from './margin.checks.js';
import { PROPOSAL_NOTICES } from './proposal.checks.js';
import { SETTLEMENTS } from './settlement.checks.js';
import { TERM_NOTICES, TERMS } from './terms.checks.js';
import { USAGE, USAGE_NOTICES } from './usage.checks.js';

export interface Checked {
  /** There are no failures. Notices do not count. */
  readonly ok: boolean;
  readonly position: number;
  readonly failures: readonly Finding[];
  readonly notices: readonly Finding[];
}

const FAILURES: readonly Check[] = [...TERMS, ...USAGE, ...BOOKS, ...SETTLEMENTS, ...BILLING, ...MARGIN, ...DETAILS];
const NOTICES: readonly Check[] = [
  ...TERM_NOTICES,
  ...USAGE_NOTICES,
  ...COST_NOTICES,
  ...DETAILS_NOTICES,
  ...PROPOSAL_NOTICES,
];

/**
 * Checks all invariants over all data as of a position. The findings are the same for all callers: `seenBy` withholds
 * what one may not see. `serverLimitMs`: of the comparison with EventStoreDB.
 */
export async function checkAll(context: QueryContext, serverLimitMs?: number): Promise<Checked> {
  const server = await againstServer(context, serverLimitMs);
  const failures = [...server.failures, ...(await found(FAILURES, context))];
  const notices = [...(await found(NOTICES, context)), ...server.notices];
  return { ok: failures.length === 0, position: context.position, failures, notices };
}

async function found(checks: readonly Check[], context: QueryContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) findings.push(...(await check(context)));
  return findings;
}
