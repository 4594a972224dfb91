import { type CostLine, costStream } from '#domain/costs/cost';
import { conflict, type FieldError } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { packed } from '#domain/usage/usage';
import { readCostLineVersions } from '#projections/costs/costs.read';
import type { CostLineRow } from '#projections/costs/costs.table';
import { canonicalJson, type CommandCall } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';

export interface CostsWritten {
  readonly accepted: number;
  readonly duplicate: number;
  readonly corrected: number;
}

export interface DeliveredCosts {
  readonly provider: string;
  readonly invoiceRef: string;
  /** Each line key at most once. */
  readonly lines: readonly CostLine[];
}

interface KnownLine {
  readonly versions: readonly CostLineRow[];
  readonly last: CostLineRow;
}

/**
 * Appends lines of one provider's invoice. A line that was ever recorded with the same body appends nothing. A line
 * with another body is refused together with its whole command (`cost_conflict`). With a `reason`, it becomes a
 * correction instead.
 */
export async function writeCosts(
  core: LedgerCore,
  call: CommandCall,
  delivered: DeliveredCosts,
  reason?: string,
): Promise<CostsWritten & { status: 'done' | 'unchanged'; position?: number }> {
  const decided = await core.book.decideOnReadModels(
    costStream(delivered.provider, delivered.invoiceRef),
    call,
    async () => {
      const { events, ...result } = await decideCosts(core, delivered, reason);
      return { events, result };
    },
    touching(delivered.lines),
  );
  return {
    status: decided.status,
    ...(decided.position === undefined ? {} : { position: decided.position }),
    ...(decided.result as CostsWritten),
  };
}

/** What lines come to, compared with what the read models know of them. Errors as in writeCosts. */
export async function decideCosts(
  core: LedgerCore,
  { provider, invoiceRef, lines }: DeliveredCosts,
  reason?: string,
): Promise<CostsWritten & { readonly events: readonly LedgerEvent[] }> {
  const known = await knownLines(core, provider, invoiceRef, lines);
  const fresh = lines.filter(({ lineKey }) => !known.has(lineKey));
  const different = lines.filter((line) => isDifferent(line, known.get(line.lineKey)));
  if (reason === undefined) refuse(lines, different);
  const events = [
    ...packed(fresh).map((batch): LedgerEvent => ({
      type: 'CostRecorded',
      data: { provider, invoiceRef, lines: batch },
    })),
    ...packed(different).map((batch): LedgerEvent => ({
      type: 'CostCorrected',
      data: { provider, invoiceRef, lines: batch, reason: reason ?? '' },
    })),
  ];
  return {
    events,
    accepted: fresh.length,
    duplicate: lines.length - fresh.length - different.length,
    corrected: different.length,
  };
}

/** Events of the same invoice that concern one of these lines. */
function touching(lines: readonly CostLine[]): (event: RecordedEvent) => boolean {
  const keys = new Set(lines.map(({ lineKey }) => lineKey));
  return ({ type, data }) => {
    if (type === 'CostRecorded' || type === 'CostCorrected') return data.lines.some(({ lineKey }) => keys.has(lineKey));
    return type !== 'CommandUnchanged';
  };
}

async function knownLines(
  { db }: LedgerCore,
  provider: string,
  invoiceRef: string,
  lines: readonly CostLine[],
): Promise<ReadonlyMap<string, KnownLine>> {
  const keys = lines.map(({ lineKey }) => lineKey);
  const rows = Map.groupBy(await readCostLineVersions(db, { provider, invoiceRef }, keys), ({ line_key }) => line_key);
  return new Map(
    [...rows].flatMap(([key, versions]): [string, KnownLine][] => {
      const last = versions.at(-1);
      return last === undefined ? [] : [[key, { versions, last }]];
    }),
  );
}

const isDifferent = (line: CostLine, known: KnownLine | undefined): boolean => {
  if (known === undefined) return false;
  const body = canonicalJson(bodyOf(line));
  return !known.versions.some((row) => canonicalJson(bodyOfRow(row)) === body);
};

function refuse(lines: readonly CostLine[], different: readonly CostLine[]): void {
  if (different.length === 0) return;
  const errors = different.map((line): FieldError => ({
    field: `lines[${lines.indexOf(line)}]`,
    message: `line ${line.lineKey} is recorded with another body`,
  }));
  const first = errors[0]?.message ?? '';
  const message = `${errors.length} of the lines contradict what is recorded; nothing was appended. ${first}`;
  throw conflict('cost_conflict', message, errors);
}

const bodyOf = (line: CostLine): object => ({ ...line, class: line.class ?? undefined });
const bodyOfRow = (row: CostLineRow): object => ({
  lineKey: row.line_key,
  resourceId: row.resource_id ?? undefined,
  kind: row.kind,
  chargePeriod: { start: row.charge_period_start, end: row.charge_period_end },
  amount: row.amount,
  currency: row.currency,
  category: row.category,
  class: row.class ?? undefined,
  tenantId: row.tenant_id ?? undefined,
  effectiveAmount: row.effective_amount ?? undefined,
  description: row.description ?? undefined,
});
