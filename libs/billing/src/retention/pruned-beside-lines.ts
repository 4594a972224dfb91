import type { Covered } from '#domain/lines/covered';
import type { LedgerCore } from '#ledger/ledger-core';
import { fromLog } from '../usage/pruned-usage.js';
import { readIsAnyPruned, readPrunedBeside } from '#projections/usage-records/pruned-usage.read';
import type { RecordVersion } from '#projections/usage-records/usage-records.read';

/**
 * Readings of pruned months that may be on no line or on several lines, as known at a position. Where lines without a
 * filter and waivers cover a month exactly once, each reading is on one of them, so its stream is not read.
 */
export async function prunedBesideLines(
  core: LedgerCore,
  position: number,
  lines: readonly Covered[],
): Promise<readonly RecordVersion[]> {
  // The lines of all deployments are many.
  if (!(await readIsAnyPruned(core.db))) return [];
  return (await fromLog(core, await readPrunedBeside(core.db, position, lines))).versions;
}
