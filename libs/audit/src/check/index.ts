import type { QueryContext } from '#ledger/query';
import { againstServer } from './against-server.js';
import { BILLING } from './billing.checks.js';
import { BOOKS } from './books.checks.js';
import { againstTexts, DETAILS_NOTICES } from './details.checks.js';
import type { Check, Finding } from './finding.js';
import { CONSOLIDATED } from './consolidated.checks.js';
import { COST_NOTICES, MARGIN } from './margin.checks.js';
import { PROPOSAL_NOTICES } from './proposal.checks.js';
import { SETTLEMENTS } from './settlement.checks.js';
import { TERM_NOTICES, TERMS } from './terms.checks.js';
import { TRANSFERS } from './transfer.checks.js';
import { USAGE, USAGE_NOTICES } from './usage.checks.js';

export interface Checked {
  /** There are no failures. Notices do not count. */
  readonly ok: boolean;
  readonly position: number;
  readonly failures: readonly Finding[];
  readonly notices: readonly Finding[];
}

const FAILURES: readonly Check[] = [
  ...TERMS,
  ...USAGE,
  ...BOOKS,
  ...CONSOLIDATED,
  ...SETTLEMENTS,
  ...TRANSFERS,
  ...BILLING,
  ...MARGIN,
];
const NOTICES: readonly Check[] = [...TERM_NOTICES, ...USAGE_NOTICES, ...COST_NOTICES, ...DETAILS_NOTICES];

/**
 * Checks all invariants over all data as of a position. The findings are the same for all callers: `seenBy` withholds
 * what one may not see. `serverLimitMs`: of the comparison with EventStoreDB.
 */
export async function checkAll(context: QueryContext, serverLimitMs?: number): Promise<Checked> {
  const server = await againstServer(context, serverLimitMs);
  const found = await findings(FAILURES, context);
  const texts = await againstTexts(context);
  const failures = [...server.failures, ...found, ...texts.failures];
  const notices = [
    ...(await findings(NOTICES, context)),
    ...texts.notices,
    ...(await findings(PROPOSAL_NOTICES, context)),
    ...server.notices,
  ];
  return { ok: failures.length === 0, position: context.position, failures, notices };
}

async function findings(checks: readonly Check[], context: QueryContext): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const check of checks) found.push(...(await check(context)));
  return found;
}
