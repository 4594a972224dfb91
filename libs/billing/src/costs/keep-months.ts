import { text } from '#domain/money/decimal';
import { monthNamed } from '#domain/time/period';
import { stoppedBy } from '#postgres/stoppable';
import type { LedgerCore } from '#ledger/ledger-core';
import { repeatedly } from '#ledger/repeatedly';
import { readBillDays } from '#projections/costs/billed-days.read';
import {
  keepMonth,
  noteCharged,
  proveKept,
  readChangedMonths,
  readCostMonths,
  readKeeper,
  readKeptMonths,
} from '#projections/margins/kept-costs.read';
import { computedSums } from './cost-sums.js';
import { isChangeOf, kindTotals, totalOf } from './kept-costs.js';

/** How often a worker looks whether a month is to be computed. */
const LOOK_MS = 1000;
/** After a month it rests so many times as long as that took: imports and questions go first. */
const REST = 2;
/** So many changed resources are looked at. Computing the months costs less than looking at more. */
const MOST_RESOURCES = 200_000;

/** What a look found: the read models, and whether more months are to be computed. */
export interface Look {
  readonly position: number;
  readonly madeBy: string;
  readonly isDone: boolean;
}

/**
 * Keeps the cost of months, one at a time, until the signal aborts: see `keepNext`. A month that is under way is then
 * left. With several workers, one of them works.
 */
export async function keepMonths(
  core: LedgerCore,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  let last: Look | null = null;
  const rest = (elapsedMs: number, look: Look | null | undefined): number =>
    look?.isDone === false ? Math.min(LOOK_MS, elapsedMs * REST) : LOOK_MS;
  await repeatedly(signal, { name: 'kept margins', report, rest }, async () => {
    const look: Look | null = await stoppedBy(signal, async () => keptNext(core, last));
    last = look ?? last;
    return look;
  });
}

/** The next look. null: another worker keeps the months, or nothing happened since the last look. */
async function keptNext(core: LedgerCore, last: Look | null): Promise<Look | null> {
  const { position, madeBy } = await readKeeper(core.db);
  if (last?.isDone === true && last.position === position && last.madeBy === madeBy) return null;
  const giveBack = await core.takeFree([['kept months']]);
  if (giveBack === null) return null;
  try {
    return await keepNext(core, last?.position ?? 0);
  } finally {
    await giveBack();
  }
}

/**
 * Proves kept months that did not change up to now, and computes the latest one of those that did or are not kept.
 * `settledAt`: a month that changed after this position waits, as it may change again. `mostResources`: if more
 * resources changed, every month is computed again.
 */
export async function keepNext(
  core: LedgerCore,
  settledAt = Number.MAX_SAFE_INTEGER,
  mostResources = MOST_RESOURCES,
): Promise<Look> {
  const { position, madeBy } = await readKeeper(core.db);
  const months = await readCostMonths(core.db, position);
  const kept = new Map(
    (await readKeptMonths(core.db, null)).map((row) => [`${row.month} ${row.currency}`, row] as const),
  );
  const first = Math.min(position + 1, ...[...kept.values()].map((row) => row.proven_to));
  const names = [...new Set(months.map(({ month }) => month))].map((name) => monthNamed(name));
  const of = { madeBy, mostResources };
  const changed = await readChangedMonths(core.db, { first, last: position, ...of }, names);
  const changedAt = (row: Parameters<typeof isChangeOf>[0]): number | null =>
    changed === null
      ? position
      : changed.filter(isChangeOf(row)).reduce<number | null>((at, each) => Math.max(at ?? 0, each.position), null);
  const open = [...kept.values()].filter((row) => row.proven_to <= position);
  const unchanged = open.filter((row) => changedAt(row) === null);
  await proveKept(
    core.db,
    unchanged.map(({ kept_id }) => kept_id),
    position,
  );
  const proven = new Set([...[...kept.values()].filter((row) => row.proven_to > position), ...unchanged]);
  const due = months.filter(({ month, currency }) => {
    const row = kept.get(`${month} ${currency}`);
    return row === undefined || !proven.has(row);
  });
  const next = due.find(({ month, currency, changedAt: charged }) => {
    const row = kept.get(`${month} ${currency}`);
    return Math.max(charged, (row === undefined ? null : changedAt(row)) ?? 0) <= settledAt;
  });
  if (next !== undefined) await keep(core, { position, ...of }, next);
  return { position, madeBy, isDone: due.length === 0 };
}

async function keep(
  core: LedgerCore,
  { position, madeBy, mostResources }: Omit<Look, 'isDone'> & { readonly mostResources: number },
  { month, currency, changedAt }: { readonly month: string; readonly currency: string; readonly changedAt: number },
): Promise<void> {
  const named = monthNamed(month);
  const [sums = []] = await computedSums({ core, position }, [named], currency);
  // From here on, a change of a holder of its resources is a change of the month.
  await noteCharged(core.db, position, { month: named, currency });
  const looked = { first: changedAt, last: position, madeBy, mostResources };
  const moved = await readChangedMonths(core.db, looked, [named]);
  const since = moved?.reduce((at, each) => Math.max(at, each.currency === null ? each.position : 0), changedAt);
  const { cogs, unattributed } = totalOf(sums);
  const days = await readBillDays(core.db, position, { months: [named], currency });
  await keepMonth(core.db, {
    ...{ month, currency, made_by: madeBy, cogs: text(cogs), unattributed: text(unattributed) },
    kinds: kindTotals(sums).map((of) => ({ ...of, amount: text(of.amount) })),
    ...{ position_from: since ?? position, proven_to: position + 1 },
    days,
    costs: sums.map(({ provider, kind, tenantId, deploymentId, amount }) => ({
      ...{ provider, kind, tenant_id: tenantId, deployment_id: deploymentId, amount: text(amount) },
    })),
  });
}
