import { z } from 'zod';
import { isNotWritable } from '#postgres/connection';
import type { Caller } from './caller.js';
import type { LedgerCore } from './ledger-core.js';

const CHECKS = 'checks';
const LAST = 'last';
const MOST_FAILURES = 100;

const zFinding = z.object({
  code: z.string(),
  message: z.string(),
  ids: z.record(z.string(), z.unknown()),
  remedy: z.string(),
});

const zKept = z.object({
  checkedBy: z.string(),
  ok: z.boolean(),
  position: z.int(),
  failures: z.array(zFinding),
  failureCount: z.int(),
  noticeCount: z.int(),
  /** Failures and notices by code. A check that was kept before has none. */
  byCode: z.record(z.string(), z.int()).default({}),
});

export interface LastCheck {
  /** null: the ledger was never checked. */
  readonly checkedAt: string | null;
  readonly checkedBy: string | null;
  readonly ok: boolean | null;
  readonly position: number | null;
  readonly failures: z.infer<typeof zFinding>[];
  readonly failureCount: number;
  readonly noticeCount: number;
  /** Number of failures and notices by code. */
  readonly byCode: Readonly<Record<string, number>>;
}

const NEVER: LastCheck = {
  ...{ checkedAt: null, checkedBy: null, ok: null, position: null },
  ...{ failures: [], failureCount: 0, noticeCount: 0, byCode: {} },
};

/** What a check found. */
interface Found {
  readonly ok: boolean;
  readonly position: number;
  readonly failures: readonly { readonly code: string }[];
  readonly notices: readonly { readonly code: string }[];
}

/** Keeps what a check as of now found. A database that can only be read keeps nothing. */
export async function keepCheck(core: LedgerCore, { actor }: Caller, checked: Found): Promise<void> {
  const { ok, position, failures, notices } = checked;
  try {
    await core.outcomes.keep(CHECKS, LAST, {
      ...{ checkedBy: actor, ok, position },
      failures: failures.slice(0, MOST_FAILURES),
      ...{ failureCount: failures.length, noticeCount: notices.length },
      byCode: Object.fromEntries(
        [...Map.groupBy([...failures, ...notices], ({ code }) => code)].map(([code, of]) => [code, of.length]),
      ),
    });
  } catch (error) {
    if (!isNotWritable(error)) throw error;
  }
}

export async function lastCheck(core: LedgerCore): Promise<LastCheck> {
  const [kept] = await core.outcomes.read(CHECKS, LAST);
  return kept === undefined ? NEVER : { checkedAt: kept.at, ...zKept.parse(kept.outcome) };
}
