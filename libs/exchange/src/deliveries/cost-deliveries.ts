import { hash } from 'node:crypto';
import { basename } from 'node:path';
import { costStream, type DeliveryMode, zCostLine } from '#domain/costs/cost';
import type { LedgerEvent } from '#domain/events';
import { shaped } from '#domain/schema';
import { packed } from '#domain/usage/usage';
import { contentOfRow } from '#billing/costs/cost-writer';
import { canonicalJson, type CommandCall } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import { readCostDelivery, readDeliveredLines } from '#projections/costs/costs.read';
import type { DeliveredFile } from '#projections/costs/costs.table';
import type { CostItem } from '../presets/costs.js';
import { type Importer, RE_DELIVERED, type RowReport } from '../rows/outcome.js';
import type { SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';
import { comparisonOf, type Comparison, type DeliveryOptions, unnamedMode } from './mode.js';
import type { Compared, RowToWrite, StagedRow, Staging } from './staging.js';

const ROWS_PER_STATEMENT = 5000;
const LINES_PER_PAGE = 10_000;
const LINES_PER_WRITE = 1000;
const INVOICED = 'the invoice has its id';
/** Longer keys are hashed: an id has at most 512 characters, and a number is appended to it. */
const LONGEST_KEY = 400;

/** A file of the import, and where the outcomes of its rows are counted. */
export interface FileOfDelivery {
  readonly source: Source;
  readonly report: RowReport;
  readonly call: CommandCall;
}

interface Delivery {
  readonly index: number;
  readonly provider: string;
  readonly delivery: string;
  /** The numbers of the files that have rows of it. */
  readonly files: Set<number>;
}

interface Decided extends Delivery {
  readonly mode: DeliveryMode;
  readonly compared: Compared;
  readonly delivered: readonly DeliveredFile[];
  /** Whether the delivery gets a name or files that it did not have. */
  readonly isNews: boolean;
}

export interface DeliveriesWritten {
  /** Lines that the deliveries no longer have: they were withdrawn. */
  readonly removed: number;
  /** Lines that the files do not have, but were kept, because rows of the files were rejected. */
  readonly kept: number;
}

/**
 * Cost lines by delivery: what a provider says of a payer account and a month. All files of an import are compared with
 * what is recorded of their deliveries, and only then the differences are written.
 */
export class CostDeliveries {
  private readonly deliveries = new Map<string, Delivery>();
  private rows: StagedRow[] = [];

  constructor(
    private readonly core: LedgerCore,
    private readonly staging: Staging,
    private readonly files: readonly FileOfDelivery[],
    private readonly options: DeliveryOptions,
  ) {}

  /** The importer of the n-th file. Its rows are only stored until `finish`. */
  importer(file: number): Importer<CostItem> {
    return {
      add: (item, row) => this.add(file, item, row),
      skip: () => undefined,
      flush: () => this.flush(),
    };
  }

  private add(file: number, item: CostItem, { row, line, fields, identity }: SourceRow): Promise<void> | undefined {
    const { provider, delivery, invoiceRef, isOwnId } = item;
    const name = JSON.stringify([provider, delivery]);
    const known = this.deliveries.get(name) ?? { index: this.deliveries.size, provider, delivery, files: new Set() };
    this.deliveries.set(name, known);
    known.files.add(file);
    const { focus, ...content } = item.line;
    this.rows.push({
      file,
      row,
      delivery: known.index,
      invoiceRef,
      key: item.key.length <= LONGEST_KEY ? item.key : hash('sha256', item.key, 'hex'),
      isOwnId,
      digest: hash('md5', canonicalJson(content), 'hex'),
      hasInvoiceId: focus?.InvoiceId !== undefined,
      line: JSON.stringify(item.line),
      record: isOwnId ? JSON.stringify({ row, line, fields, identity }) : null,
    });
    return this.rows.length >= ROWS_PER_STATEMENT ? this.flush() : undefined;
  }

  private async flush(): Promise<void> {
    const { rows } = this;
    this.rows = [];
    if (rows.length > 0) await this.staging.addRows(rows);
  }

  /**
   * Compares, decides for all deliveries, and then writes. Errors: `delivery_unnamed`, `delivery_interrupted`,
   * `delivery_file_changed`, each before anything is written. `isDry`: nothing is written. `hasRejects`: rows are
   * missing, so that nothing is taken away.
   */
  async finish(state: {
    readonly isDry: boolean;
    readonly hasRejects: boolean;
    readonly signal: AbortSignal;
  }): Promise<DeliveriesWritten> {
    return this.core.exclusively('cost-deliveries', async () => {
      await this.core.projector.catchUp();
      const decided = await this.decided();
      const written = { removed: 0, kept: 0 };
      for (const each of decided) {
        if (state.signal.aborted) break;
        const gone = each.mode === 'whole' ? each.compared.recorded - each.compared.same - each.compared.changed : 0;
        const removed = state.hasRejects ? 0 : gone;
        written.removed += removed;
        written.kept += gone - removed;
        if (!state.isDry) await this.write(each, removed, state.signal);
      }
      await this.count();
      return written;
    });
  }

  private async decided(): Promise<Decided[]> {
    await this.staging.indexRows();
    const comparisons: { of: Delivery; comparison: Comparison; files: DeliveredFile[]; isNews: boolean }[] = [];
    for (const each of this.deliveries.values()) {
      const files = [...each.files].map((file) => this.delivered(file));
      const last = await readCostDelivery(this.core.db, each);
      const comparison = comparisonOf(nameOf(each), last, files, this.options);
      const known = [...each.files].filter((file) =>
        comparison.known.some(({ sha256 }) => sha256 === this.delivered(file).sha256),
      );
      await this.staging.alreadyHas(each.index, known);
      await this.stageRecorded(each, comparison.since);
      const isNews = this.options.name !== null && (last?.name !== this.options.name || known.length < files.length);
      comparisons.push({ of: each, comparison, files, isNews });
    }
    await this.staging.compare();
    const decided: Decided[] = [];
    for (const { of, comparison, files, isNews } of comparisons) {
      const compared = await this.staging.compared(of.index);
      const mode = comparison.mode ?? unnamedMode(nameOf(of), compared);
      const news = files.filter(({ sha256 }) => !comparison.known.some((known) => known.sha256 === sha256));
      decided.push({ ...of, mode, compared, delivered: news, isNews });
    }
    return decided;
  }

  private async stageRecorded(of: Delivery, since: number): Promise<void> {
    for (let after: { provider: string; invoice_ref: string; line_key: string } | null = null; ;) {
      const lines = await readDeliveredLines(this.core.db, of, { after, limit: LINES_PER_PAGE });
      await this.staging.addRecorded(
        of.index,
        lines.map((row) => {
          const { lineKey: _, ...content } = contentOfRow(row);
          return {
            invoiceRef: row.invoice_ref,
            lineKey: row.line_key,
            digest: hash('md5', canonicalJson(content), 'hex'),
            isCompared: row.position_from > since,
            lacksInvoiceId: row.lacks_invoice_id,
          };
        }),
      );
      after = lines.at(-1) ?? null;
      if (lines.length < LINES_PER_PAGE || after === null) return;
    }
  }

  private async write(of: Decided, removed: number, signal: AbortSignal): Promise<void> {
    const { provider, delivery, mode, compared, delivered } = of;
    if (compared.added + compared.changed + compared.invoiced + removed === 0 && !of.isNews) return;
    if (delivered.length === 0) return;
    const named = { provider, delivery, ...(this.options.name === null ? {} : { name: this.options.name }) };
    const call = this.callOf([...of.files][0] ?? 0);
    const stream = costStream(provider, delivery);
    const files = delivered.map(({ name, sha256 }) => ({ name, sha256 }));
    await this.append(stream, call, [{ type: 'CostDeliveryStarted', data: { ...named, mode, files } }]);
    if (removed > 0)
      for (const { invoiceRef, lineKey } of await this.staging.gone(of.index))
        await this.append(costStream(provider, invoiceRef), call, [
          { type: 'CostWithdrawn', data: { provider, invoiceRef, lineKey, reason: RE_DELIVERED } },
        ]);
    for (let after = 0; ;) {
      const rows = await this.staging.rowsToWrite(of.index, after, LINES_PER_PAGE);
      for (const run of runsOf(rows)) await this.writeRun(provider, run);
      after = rows.at(-1)?.n ?? after;
      if (rows.length < LINES_PER_PAGE) break;
      if (signal.aborted) return;
    }
    const { added: accepted, changed: corrected, same: duplicate } = compared;
    await this.append(stream, call, [
      { type: 'CostDeliveryCompleted', data: { ...named, accepted, duplicate, corrected, removed } },
    ]);
  }

  /** Rows of one file, bill and outcome. */
  private async writeRun(provider: string, run: readonly RowToWrite[]): Promise<void> {
    const [first] = run;
    if (first === undefined) return;
    const { invoiceRef, file, outcome } = first;
    const rowOf = new Map(run.map(({ lineKey, row }) => [lineKey, row]));
    const lines = run.map(({ lineKey, line }) =>
      shaped(zCostLine, { lineKey, ...(JSON.parse(line) as object) }, 'a cost line'),
    );
    const source = this.files[file]?.source ?? { name: '' };
    const call: CommandCall = {
      ...this.callOf(file),
      sourceOf: ({ type, data }) =>
        type === 'CostRecorded' || type === 'CostCorrected'
          ? sourceInFile(
              source,
              data.lines.flatMap(({ lineKey }) => rowOf.get(lineKey) ?? []),
            )
          : undefined,
    };
    const events = packed(lines).map((batch): LedgerEvent =>
      outcome === 'accepted'
        ? { type: 'CostRecorded', data: { provider, invoiceRef, lines: batch } }
        : {
            type: 'CostCorrected',
            data: { provider, invoiceRef, lines: batch, reason: outcome === 'invoiced' ? INVOICED : RE_DELIVERED },
          },
    );
    await this.append(costStream(provider, invoiceRef), call, events);
  }

  private async append(stream: string, call: CommandCall, events: readonly LedgerEvent[]): Promise<void> {
    await this.core.book.decideOnReadModels(
      stream,
      call,
      async () => ({ events }),
      () => false,
    );
  }

  private async count(): Promise<void> {
    for (const { file, outcome, rows } of await this.staging.outcomes())
      if (outcome !== 'conflict') this.files[file]?.report.count(outcome, rows);
    for (const { file, record, key, firstRow } of await this.staging.conflicts())
      this.files[file]?.report.reject(JSON.parse(record) as SourceRow, {
        field: 'lineKey',
        value: key,
        reason: `is also the id of row ${firstRow}, with other content. Correct one of them.`,
      });
  }

  private delivered(file: number): DeliveredFile {
    const source = this.files[file]?.source;
    return { name: basename(source?.name ?? ''), sha256: source?.digest ?? '' };
  }

  private callOf(file: number): CommandCall {
    const found = this.files[file];
    if (found === undefined) throw new Error(`there is no file ${file}`);
    return found.call;
  }
}

const nameOf = ({ provider, delivery }: Delivery): string => `${provider} ${delivery}`;

/** Neighbours of one file, bill and outcome, at most as many as are written at once. */
function runsOf(rows: readonly RowToWrite[]): RowToWrite[][] {
  const runs: RowToWrite[][] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    const [first] = last ?? [];
    const joins =
      last !== undefined &&
      last.length < LINES_PER_WRITE &&
      first?.file === row.file &&
      first.invoiceRef === row.invoiceRef &&
      first.outcome === row.outcome;
    if (joins) last.push(row);
    else runs.push([row]);
  }
  return runs;
}
