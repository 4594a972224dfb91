import { canonicalJson } from '#domain/canonical-json';
import { type CostLine, costStream } from '#domain/costs/cost';
import { conflict, type DomainError, type FieldError, notFound } from '#domain/errors';
import type { LedgerEvent, RecordedEvent } from '#domain/events';
import { packed } from '#domain/usage/usage';
import { readCostLineVersions } from '#projections/costs/costs.read';
import type { CostLineContent, CostLineRow } from '#projections/costs/costs.table';
import { type CommandCall, type CommandDone } from '#ledger/command';
import type { LedgerCore } from '#ledger/ledger-core';
import { basisOf, overtaken } from '#ledger/overtaken';
import type { History } from '#read-model/read-models';

export interface CostsWritten {
  readonly accepted: number;
  readonly duplicate: number;
  /** Known lines that were corrected or withdrawn, and stay so. */
  readonly superseded: readonly string[];
}

export interface DeliveredCosts {
  readonly provider: string;
  readonly invoiceRef: string;
  /** Each line key at most once. */
  readonly lines: readonly CostLine[];
}

/** A line that was ever recorded. */
export interface KnownLine {
  readonly versions: readonly CostLineRow[];
  readonly last: History<CostLineRow>;
  readonly isWithdrawn: boolean;
}

/**
 * Appends lines of one provider's invoice. A line that was ever recorded with the same body appends nothing, also if it
 * was withdrawn. A line with another body is refused together with its whole command (`cost_conflict`), unless it was
 * withdrawn. Details (`focus`) stay as they were recorded first.
 */
export async function writeCosts(
  core: LedgerCore,
  call: CommandCall,
  delivered: DeliveredCosts,
): Promise<CostsWritten & { status: 'done' | 'unchanged'; position?: number }> {
  let superseded: readonly string[] = [];
  const decided = await core.book.decideOnReadModels(
    costStream(delivered.provider, delivered.invoiceRef),
    call,
    async () => {
      const { events, accepted, duplicate, ...more } = await decideCosts(core, delivered);
      ({ superseded } = more);
      return { events, result: { accepted, duplicate } };
    },
    touching(delivered.lines),
  );
  return {
    status: decided.status,
    ...(decided.position === undefined ? {} : { position: decided.position }),
    ...(decided.result as Pick<CostsWritten, 'accepted' | 'duplicate'>),
    superseded,
  };
}

/** What lines come to, compared with what the read models know of them. Errors as in writeCosts. */
export async function decideCosts(
  core: LedgerCore,
  { provider, invoiceRef, lines }: DeliveredCosts,
): Promise<CostsWritten & { readonly events: readonly LedgerEvent[] }> {
  const known = await knownLines(core, provider, invoiceRef, lines);
  const changed = lines.filter((line) => isDifferent(line, known.get(line.lineKey)));
  const isRecorded = ({ lineKey }: CostLine): boolean => known.get(lineKey)?.isWithdrawn === false;
  refuse(lines, changed.filter(isRecorded));
  const fresh = lines.filter((line) => !known.has(line.lineKey) || changed.includes(line));
  const events = packed(fresh).map((batch): LedgerEvent => ({
    type: 'CostRecorded',
    data: { provider, invoiceRef, lines: batch },
  }));
  const isFresh = new Set(fresh);
  const superseded = lines.filter((line) => !isFresh.has(line) && isSuperseded(line, known.get(line.lineKey)));
  return {
    events,
    accepted: fresh.length,
    duplicate: lines.length - fresh.length,
    superseded: superseded.map(({ lineKey }) => lineKey),
  };
}

/** Events of the same invoice that concern one of these lines. */
function touching(lines: readonly Pick<CostLine, 'lineKey'>[]): (event: RecordedEvent) => boolean {
  const keys = new Set(lines.map(({ lineKey }) => lineKey));
  return ({ type, data }) => {
    if (type === 'CostWithdrawn') return keys.has(data.lineKey);
    if (type === 'CostRecorded' || type === 'CostCorrected') return data.lines.some(({ lineKey }) => keys.has(lineKey));
    return type !== 'CommandUnchanged';
  };
}

/** The lines of these keys that were ever recorded, also those that were withdrawn. */
async function knownLines(
  { db }: LedgerCore,
  provider: string,
  invoiceRef: string,
  lines: readonly Pick<CostLine, 'lineKey'>[],
): Promise<ReadonlyMap<string, KnownLine>> {
  const keys = lines.map(({ lineKey }) => lineKey);
  const rows = Map.groupBy(await readCostLineVersions(db, { provider, invoiceRef }, keys), ({ line_key }) => line_key);
  return new Map(
    [...rows].flatMap(([key, versions]): [string, KnownLine][] => {
      const last = versions.at(-1);
      return last === undefined ? [] : [[key, { versions, last, isWithdrawn: last.position_to !== null }]];
    }),
  );
}

const isDifferent = (line: CostLine, known: KnownLine | undefined): boolean => {
  if (known === undefined) return false;
  const body = canonicalJson(contentOf(line));
  return !known.versions.some((row) => canonicalJson(contentOfRow(row)) === body);
};

const isSuperseded = (line: CostLine, known: KnownLine | undefined): boolean =>
  known !== undefined &&
  (known.isWithdrawn || canonicalJson(contentOfRow(known.last)) !== canonicalJson(contentOf(line)));

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

/**
 * Decides on one line that was ever recorded, also if it was withdrawn. Errors: `unknown_cost`, `overtaken` if the line
 * changed since the basis and the decision has events.
 */
export async function decideOnCostLine(
  core: LedgerCore,
  call: CommandCall,
  { provider, invoiceRef, lineKey }: CostLineKey,
  decision: (known: KnownLine) => LedgerEvent[],
): Promise<CommandDone> {
  const basis = await basisOf(core, call);
  const lines = [{ lineKey }];
  return core.book.decideOnReadModels(
    costStream(provider, invoiceRef),
    call,
    async () => {
      const known = (await knownLines(core, provider, invoiceRef, lines)).get(lineKey);
      if (known === undefined) throw unknownCost({ provider, invoiceRef, lineKey });
      const events = decision(known);
      const { position_from: since, position_to: until, amount, currency } = known.last;
      if (events.length > 0 && (until ?? since) > basis)
        throw overtaken(call, basis, known.isWithdrawn ? 'it was withdrawn' : `it became ${amount} ${currency}`);
      return { events };
    },
    touching(lines),
  );
}

export interface CostLineKey {
  readonly provider: string;
  readonly invoiceRef: string;
  readonly lineKey: string;
}

export const unknownCost = ({ provider, invoiceRef, lineKey }: CostLineKey): DomainError =>
  notFound('unknown_cost', `there is no cost line ${lineKey} on invoice ${invoiceRef} of provider ${provider}`);

/** The line without its details, which may come later or change. Two lines of equal content are the same. */
const contentOf = ({ focus: _, ...line }: CostLine): object => ({ ...line, class: line.class ?? undefined });
/** The line's content as its row has it. Fields without a value are undefined. */
const contentOfRow = (row: CostLineContent): Record<string, unknown> => ({
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
/** The line as its row has it. Fields without a value are undefined. */
export const bodyOfRow = (row: CostLineRow): Record<string, unknown> => ({
  ...contentOfRow(row),
  focus: row.focus ?? undefined,
});
