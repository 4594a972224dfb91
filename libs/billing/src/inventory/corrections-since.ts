import type { ResourceChanges } from '#domain/inventory/resource';
import { type OpenPeriod, periodText } from '#domain/time/period';
import type { CommandCall } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { overtaken } from '#ledger/overtaken';
import { readCorrectionsSince } from '#projections/inventory/inventory.read';

interface CorrectedSince {
  readonly stretch: OpenPeriod;
  readonly changes: ResourceChanges;
}

/** Refuses a correction of a resource if another one concerns the same since the basis. Errors: `overtaken`. */
export async function assertNotCorrectedSince(
  core: LedgerCore,
  call: CommandCall,
  { basis, ...resource }: { readonly basis: number; readonly provider: string; readonly providerId: string },
  isSame: (other: CorrectedSince) => boolean,
): Promise<void> {
  for (const row of await readCorrectionsSince(core.db, basis, resource)) {
    const stretch = { start: row.effective_from, end: row.effective_until };
    if (isSame({ stretch, changes: row.changes }))
      throw overtaken(
        call,
        basis,
        `${resource.providerId} was corrected over ${periodText(stretch)}: ` +
          `${JSON.stringify(row.changes)} (position ${row.recorded_position})`,
      );
  }
}
