import { createHash } from 'node:crypto';
import type { CostLine } from '#domain/costs/cost';
import { canonicalJson, type CommandCall } from '#ledger/command';
import { decideCosts, writeCosts } from '#billing/costs/cost-writer';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import { Occurrences } from '../rows/occurrences.js';
import { type Importer, RE_DELIVERED, type RowReport } from '../rows/outcome.js';
import type { CostItem } from '../presets/costs.js';
import type { SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';

const MOST_KEPT = 50_000;
const LINES_PER_WRITE = 1000;
/** Longer keys are hashed: an id has at most 512 characters, and a number is appended to it. */
const LONGEST_KEY = 400;

interface Kept {
  readonly row: SourceRow;
  readonly line: CostLine;
}
interface Invoice {
  readonly provider: string;
  readonly invoiceRef: string;
  /** By line key. */
  readonly kept: Map<string, Kept>;
}

/**
 * Cost lines by provider and invoice. If a month is delivered again and a line differs, the line becomes a correction.
 */
export class CostsImport implements Importer<CostItem> {
  private readonly occurrences = new Occurrences();
  private invoices = new Map<string, Invoice>();
  private kept = 0;

  constructor(
    private readonly core: LedgerCore,
    private readonly call: CommandCall,
    private readonly source: Source,
    private readonly report: RowReport,
    private readonly isDry: boolean,
  ) {}

  add({ provider, invoiceRef, line, key, isOwnId }: CostItem, row: SourceRow): Promise<void> | undefined {
    const { name, lineKey } = this.named({ provider, invoiceRef, key, isOwnId });
    const invoice = this.invoices.get(name) ?? { provider, invoiceRef, kept: new Map<string, Kept>() };
    this.invoices.set(name, invoice);
    const known = invoice.kept.get(lineKey);
    if (known !== undefined) {
      this.again(known, { row, line: { lineKey, ...line } });
      return undefined;
    }
    invoice.kept.set(lineKey, { row, line: { lineKey, ...line } });
    this.kept += 1;
    return this.kept >= MOST_KEPT ? this.flush() : undefined;
  }

  skip(item: CostItem): void {
    this.named(item);
  }

  /** A line's invoice, and its key there. Equal keys are separate lines, unless the key is the source's own id. */
  private named({
    provider,
    invoiceRef,
    key,
    isOwnId,
  }: Pick<CostItem, 'provider' | 'invoiceRef' | 'key' | 'isOwnId'>): {
    readonly name: string;
    readonly lineKey: string;
  } {
    const name = JSON.stringify([provider, invoiceRef]);
    const short = key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('hex');
    const occurrence = isOwnId ? 1 : this.occurrences.next(`${name}\u0000${short}`);
    return { name, lineKey: occurrence === 1 ? short : `${short}#${occurrence}` };
  }

  /** The same id a second time: a duplicate if the line is equal, else a reject. */
  private again(known: Kept, { row, line }: Kept): void {
    if (canonicalJson(known.line) === canonicalJson(line)) this.report.count('duplicate');
    else
      this.report.reject(row, {
        field: 'lineKey',
        value: line.lineKey,
        reason: `is also the id of row ${known.row.row}, with other content. Correct one of them.`,
      });
  }

  async flush(): Promise<void> {
    const invoices = [...this.invoices.values()];
    this.invoices = new Map();
    this.kept = 0;
    for (const { provider, invoiceRef, kept } of invoices) {
      const lines = [...kept.values()].map(({ line }) => line);
      const call = { ...this.call, sourceOf: this.sourceOf(kept) };
      for (let from = 0; from < lines.length; from += LINES_PER_WRITE) {
        const delivered = { provider, invoiceRef, lines: lines.slice(from, from + LINES_PER_WRITE) };
        const written = this.isDry
          ? await decideCosts(this.core, delivered, RE_DELIVERED)
          : await writeCosts(this.core, call, delivered, RE_DELIVERED);
        this.report.count('accepted', written.accepted);
        this.report.count('duplicate', written.duplicate);
        this.report.count('correction', written.corrected);
      }
    }
  }

  /** The rows that an event's lines were read from. */
  private sourceOf(kept: ReadonlyMap<string, Kept>): NonNullable<CommandCall['sourceOf']> {
    return ({ type, data }) => {
      if (type !== 'CostRecorded' && type !== 'CostCorrected') return undefined;
      return sourceInFile(
        this.source,
        data.lines.flatMap(({ lineKey }) => kept.get(lineKey)?.row.row ?? []),
      );
    };
  }
}
