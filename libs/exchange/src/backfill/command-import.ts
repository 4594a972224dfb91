import type { EventSource } from '#domain/events';
import type { CommandOutcome } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { Importer, RowReport } from '../rows/outcome.js';
import type { CommandItem } from '../presets/resources.js';
import type { SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';

/**
 * At most this many rows are sorted by date. A longer price list must be in that order, or some of its rows are
 * refused.
 */
const MOST_KEPT = 50_000;

/**
 * Carries out commands in order, several at once if they are independent. `sources`: the row that each was read from.
 */
export type CarryOut = (commands: readonly object[], sources: readonly EventSource[]) => AsyncIterable<CommandOutcome>;

type Proposed = Extract<CommandOutcome, { status: 'proposed' }>;

/** Refusals of a row because an earlier delivery of its key had other content. */
const DIFFERS = ['conflicting_body', 'rate_overlap'];

/** Rows that are a command each: `set-rate`, `observe-resource`. */
export class CommandImport implements Importer<CommandItem> {
  private kept: { readonly item: CommandItem; readonly row: SourceRow }[] = [];

  constructor(
    private readonly carryOut: CarryOut,
    private readonly source: Source,
    private readonly report: RowReport,
  ) {}

  add(item: CommandItem, row: SourceRow): Promise<void> | undefined {
    this.kept.push({ item, row });
    return this.kept.length >= MOST_KEPT ? this.flush() : undefined;
  }

  skip(): void {
    // The key of the command identifies it.
  }

  async flush(): Promise<void> {
    // Prices are set from the earliest date on. Equal dates keep the file's order.
    const kept = this.kept.sort((a, b) => (a.item.order < b.item.order ? -1 : a.item.order > b.item.order ? 1 : 0));
    this.kept = [];
    let index = 0;
    for await (const outcome of this.carryOut(
      kept.map(({ item }) => item.command),
      kept.map(({ row }) => this.sourceOf(row)),
    )) {
      const each = kept[index];
      index += 1;
      if (each !== undefined) await this.reportOutcome(each.row, each.item, outcome);
    }
  }

  private sourceOf({ row }: SourceRow): EventSource {
    return sourceInFile(this.source, [row]);
  }

  private async reportOutcome(row: SourceRow, { correction }: CommandItem, outcome: CommandOutcome): Promise<void> {
    if (outcome.status !== 'refused') {
      if (outcome.status === 'proposed') this.rejectProposed(row, outcome);
      else this.report.count(outcome.status === 'done' ? 'accepted' : 'duplicate');
      return;
    }
    const { code, message, errors = [] } = outcome.error;
    if (correction === null || !DIFFERS.includes(code)) {
      const hint =
        code === 'conflicting_body'
          ? '. It was recorded with other content at that time. Give the time of this listing,' +
            ' {"values": {"seenAt": "…"}}, in a mapping file (--map)'
          : '';
      this.report.reject(row, { field: errors[0]?.field ?? null, value: null, reason: `${message}${hint}` });
      return;
    }
    for await (const corrected of this.carryOut([correction], [this.sourceOf(row)])) {
      if (corrected.status === 'refused')
        this.report.reject(row, { field: null, value: null, reason: corrected.error.message });
      else if (corrected.status === 'proposed') this.rejectProposed(row, corrected);
      else this.report.count(corrected.status === 'done' ? 'correction' : 'duplicate');
    }
  }

  private rejectProposed(row: SourceRow, { command, result: { proposalId } }: Proposed): void {
    const reason = `${command} is proposed. Another person must approve it: approve-proposal ${proposalId}`;
    this.report.reject(row, { field: null, value: null, reason });
  }
}
