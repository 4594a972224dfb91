import type { RecordedPart } from '#domain/lines/parts';
import type { LedgerCore } from '#ledger/ledger-core';
import { type LinesWanted, readRecordedParts } from '#projections/invoice-lines/invoice-lines.read';

/** A part as the stream of its line cut it, and the live invoice that claims it. */
export interface LinePart extends RecordedPart {
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly lineId: string;
}

/** The recorded parts of some lines. */
export const recordedPartsOf = async ({ db }: LedgerCore, position: number, which: LinesWanted): Promise<LinePart[]> =>
  (await readRecordedParts(db, position, which)).map((row) => ({
    tenantId: row.tenant_id,
    deploymentId: row.deployment_id,
    lineId: row.root_line_id,
    partId: row.line_id,
    start: row.period_start,
    invoiceId: row.invoice_id,
    issued: row.issued === true,
    claimedUntil: row.claimed_until,
    claimedAsOf: row.claimed_as_of,
  }));

/** The recorded parts of a tenant's lines, by line. */
export const recordedParts = async (
  core: LedgerCore,
  position: number,
  tenantId: string,
): Promise<Map<string, LinePart[]>> =>
  Map.groupBy(await recordedPartsOf(core, position, { tenantIds: [tenantId] }), ({ lineId }) => lineId);
