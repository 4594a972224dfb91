import { hash } from 'node:crypto';
import { basename } from 'node:path';
import pMap from 'p-map';
import { type CostLine, costStream, type DeliveryMode } from '#domain/costs/cost';
import { conflict } from '#domain/errors';
import type { LedgerEvent } from '#domain/events';
import { isId } from '#domain/schema';
import { WrongExpectedRevision } from '#event-store/port';
import type { CommandCall } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  COST_LINE_ORDER,
  readCostDelivery,
  readDeliveredLines,
  readDeliveryNames,
} from '#projections/costs/costs.read';
import type { DeliveredFile } from '#projections/costs/costs.table';
import type { Rows } from '#read-model/keyset';
import type { CostItem } from '../presets/costs.js';
import { type Importer, RE_DELIVERED, type RowReport } from '../rows/outcome.js';
import type { SourceRow } from '../rows/row.js';
import type { Source } from '../rows/source.js';
import {
  assertReplaces,
  comparisonOf,
  type Comparison,
  type DeliveryOptions,
  type Recorded,
  unnamedMode,
} from './mode.js';
import { digestsOf, digestsOfRow, lineIn, runsOf } from './lines.js';
import type { Compared, RowToWrite, StagedRow, Staging } from './staging.js';

const ROWS_PER_STATEMENT = 2000;
const LINES_PER_PAGE = 10_000;
/** So many are written before the projections follow. */
const LINES_PER_WRITE = 4_000;
/** While one append is under way, the next events are prepared. */
const WRITES_AT_ONCE = 3;
/** Each attempt is a short race with one append of another writer: so many are never lost in a row. */
const MAX_ATTEMPTS = 1000;
const INVOICED = 'the invoice has its id';
/** So many are always below the size limit of an append. */
const WITHDRAWALS_PER_WRITE = 250;
/** Longer keys, and keys with line breaks, are hashed: an id has at most 512 bytes, and a number is appended to it. */
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
  /** Whether its lines are on several bills, whose references begin with its own. */
  withBills: boolean;
}

interface Decided {
  readonly of: Delivery;
  readonly mode: DeliveryMode;
  readonly compared: Compared;
  readonly comparison: Comparison;
  readonly removed: number;
  /** Whether the delivery gets a name or files that it did not have, or is completed. */
  readonly isNews: boolean;
}

/**
 * Cost lines by delivery: what a provider says of a payer account and a month. All files of an import are compared with
 * what is recorded of their deliveries, and only then the differences are written.
 */
export class CostDeliveries {
  private readonly deliveries = new Map<string, Delivery>();
  private rows: StagedRow[] = [];
  private staged: Promise<unknown> = Promise.resolve();
  /** The revision of each stream after the appends of this import, also those under way. */
  private readonly revisions = new Map<string, number>();
  private projected: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly core: LedgerCore,
    private readonly staging: Staging,
    private readonly files: readonly FileOfDelivery[],
    private readonly options: DeliveryOptions,
    /** A hash of how the files are read. */
    private readonly mapping: string,
  ) {}

  /** The importer of the n-th file. Its rows are only stored until `finish`. */
  importer(file: number): Importer<CostItem> {
    return {
      add: (item, row) => this.add(file, item, row),
      skip: () => undefined,
      flush: async () => {
        await this.beginStaging();
        await this.staged;
      },
    };
  }

  private add(file: number, item: CostItem, { row, line, fields, identity }: SourceRow): Promise<void> | undefined {
    const { provider, delivery, invoiceRef, isOwnId } = item;
    const name = JSON.stringify([provider, delivery]);
    const known = this.deliveries.get(name) ?? {
      index: this.deliveries.size,
      provider,
      delivery,
      files: new Set(),
      withBills: false,
    };
    this.deliveries.set(name, known);
    known.files.add(file);
    if (invoiceRef !== delivery) known.withBills = true;
    this.rows.push({
      file,
      row,
      delivery: known.index,
      invoiceRef,
      key: isId(item.key) && Buffer.byteLength(item.key) <= LONGEST_KEY ? item.key : hash('sha256', item.key, 'hex'),
      isOwnId,
      ...digestsOf(item.line),
      hasInvoiceId: item.line.focus?.InvoiceId !== undefined,
      line: JSON.stringify(item.line),
      record: isOwnId ? JSON.stringify({ row, line, fields, identity }) : null,
    });
    return this.rows.length >= ROWS_PER_STATEMENT ? this.beginStaging() : undefined;
  }

  /** Rows are stored while the next ones are read, one statement at a time. */
  private async beginStaging(): Promise<void> {
    await this.staged;
    const { rows } = this;
    this.rows = [];
    this.staged = this.staging.addRows(rows);
    // The next rows or the end of the file report its failure.
    this.staged.catch(() => undefined);
  }

  /**
   * Compares, decides for all deliveries, and then writes. Returns how many recorded lines were withdrawn, as the
   * deliveries no longer have them. Errors, each before anything is written: `delivery_unnamed`,
   * `delivery_interrupted`, `delivery_file_changed`, `delivery_superseded`, `delivery_incomplete`. `isDry`: nothing is
   * written.
   */
  async finish({ isDry, signal }: { readonly isDry: boolean; readonly signal: AbortSignal }): Promise<number> {
    return this.core.exclusively('cost-deliveries', async () => {
      await this.core.projector.catchUp();
      const decided = await this.decided();
      if (!isDry)
        for (const each of decided) {
          if (signal.aborted) break;
          await this.write(each, signal);
        }
      await this.count();
      return decided.reduce((sum, { removed }) => sum + removed, 0);
    });
  }

  private async decided(): Promise<Decided[]> {
    const compared: { of: Delivery; recorded: Recorded; comparison: Comparison }[] = [];
    for (const of of this.deliveries.values()) {
      const files = [...of.files].map((file) => this.delivered(file));
      const recorded = {
        last: await readCostDelivery(this.core.db, of),
        names: await readDeliveryNames(this.core.db, of),
      };
      const comparison = comparisonOf(nameOf(of), recorded, files, this.options);
      const isKnown = (file: number): boolean =>
        comparison.known.some(({ sha256 }) => sha256 === this.delivered(file).sha256);
      await this.staging.alreadyHas(of.index, [...of.files].filter(isKnown));
      await this.stageRecorded(of, comparison.since);
      compared.push({ of, recorded, comparison });
    }
    await this.staging.compare();
    const decided: Decided[] = [];
    for (const each of compared) decided.push(await this.decide(each));
    return decided;
  }

  private async decide({
    of,
    recorded: { last },
    comparison,
  }: {
    readonly of: Delivery;
    readonly recorded: Recorded;
    readonly comparison: Comparison;
  }): Promise<Decided> {
    const compared = await this.staging.compared(of.index);
    const mode = comparison.mode ?? unnamedMode(nameOf(of), last, compared);
    const { added, isResumed } = comparison;
    if (mode === 'whole')
      assertReplaces(
        nameOf(of),
        compared,
        added.reduce((sum, { rejected }) => sum + rejected, 0),
      );
    const removed = mode === 'whole' ? compared.recorded - compared.same - compared.changed : 0;
    const { name } = this.options;
    const isNews = isResumed || (name !== null && (last?.name !== name || added.length > 0));
    return { of, mode, compared, comparison, removed, isNews };
  }

  private async stageRecorded(of: Delivery, since: number): Promise<void> {
    for (let after: readonly string[] | null = null; ;) {
      const page: Rows = { after, limit: LINES_PER_PAGE };
      const lines = await readDeliveredLines(this.core.db, of, of.withBills, page);
      await this.staging.addRecorded(
        of.index,
        lines.map((row) => ({
          invoiceRef: row.invoice_ref,
          lineKey: row.line_key,
          ...digestsOfRow(row),
          isCompared: row.position_from > since,
          lacksInvoiceId: row.lacks_invoice_id,
        })),
      );
      const last = lines.at(-1);
      if (last === undefined || lines.length < LINES_PER_PAGE) return;
      after = COST_LINE_ORDER.keyOf(last);
    }
  }

  private async write(
    { of, mode, compared, comparison, removed, isNews }: Decided,
    signal: AbortSignal,
  ): Promise<void> {
    const { provider, delivery } = of;
    if (compared.added + compared.changed + compared.invoiced + removed === 0 && !isNews) return;
    const named = { provider, delivery, ...(this.options.name === null ? {} : { name: this.options.name }) };
    const call = this.callOf([...of.files][0] ?? 0);
    const stream = costStream(provider, delivery);
    const files = [...comparison.added];
    if (!comparison.isResumed)
      await this.append(stream, call, [{ type: 'CostDeliveryStarted', data: { ...named, mode, files } }]);
    if (removed > 0) await this.withdrawGone(of, call);
    for (let after = 0; ;) {
      const rows = await this.staging.rowsToWrite(of.index, after, LINES_PER_WRITE);
      await this.writeRuns(provider, runsOf(rows));
      await this.projectBehind();
      after = rows.at(-1)?.n ?? after;
      if (rows.length < LINES_PER_WRITE) break;
      if (signal.aborted) return;
    }
    await this.projected;
    await this.append(stream, call, [{ type: 'CostDeliveryCompleted', data: named }]);
  }

  /** Errors: the first failure, once no append is under way any more: another import may begin then. */
  private async writeRuns(provider: string, runs: readonly (readonly RowToWrite[])[]): Promise<void> {
    const failures: unknown[] = [];
    await pMap(
      runs,
      async (run) => {
        if (failures.length > 0) return;
        await this.writeRun(provider, run).catch((error: unknown) => failures.push(error));
      },
      { concurrency: WRITES_AT_ONCE },
    );
    if (failures.length > 0) throw failures[0];
  }

  /** Written lines are projected while the next ones are written, one pass at a time. */
  private async projectBehind(): Promise<void> {
    await this.projected;
    this.projected = this.core.projector.catchUp();
    // The next page or the end of the delivery reports its failure.
    this.projected.catch(() => undefined);
  }

  private async withdrawGone({ index, provider }: Delivery, call: CommandCall): Promise<void> {
    const byBill = Map.groupBy(await this.staging.gone(index), ({ invoiceRef }) => invoiceRef);
    for (const [invoiceRef, lines] of byBill)
      for (let from = 0; from < lines.length; from += WITHDRAWALS_PER_WRITE)
        await this.append(
          costStream(provider, invoiceRef),
          call,
          lines.slice(from, from + WITHDRAWALS_PER_WRITE).map(({ lineKey }) => ({
            type: 'CostWithdrawn',
            data: { provider, invoiceRef, lineKey, reason: RE_DELIVERED },
          })),
        );
  }

  /** Rows of one file, bill and outcome. */
  private async writeRun(provider: string, run: readonly RowToWrite[]): Promise<void> {
    const [first] = run;
    if (first === undefined) return;
    const { invoiceRef, file, outcome } = first;
    const rowOf = new Map(run.map(({ lineKey, row }) => [lineKey, row]));
    const lines = run.map(({ lineKey, line }): CostLine => ({ lineKey, ...lineIn(line) }));
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
    const written = { provider, invoiceRef, lines };
    await this.append(costStream(provider, invoiceRef), call, [
      outcome === 'accepted'
        ? { type: 'CostRecorded', data: written }
        : { type: 'CostCorrected', data: { ...written, reason: outcome === 'invoiced' ? INVOICED : RE_DELIVERED } },
    ]);
  }

  /** Appends after whatever the stream has: everything was compared before, and no two events concern one line. */
  private async append(stream: string, call: CommandCall, events: readonly LedgerEvent[]): Promise<void> {
    for (let attempts = 1; ; attempts += 1) {
      const revision = this.revisions.get(stream) ?? (await this.core.log.revisionOf(stream));
      // The next append to the stream does not wait for the answer to this one.
      this.revisions.set(stream, revision + events.length);
      try {
        await this.core.book.appendAt(stream, revision, call, events);
        return;
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) throw error;
        this.revisions.delete(stream);
        if (attempts === MAX_ATTEMPTS)
          throw conflict('busy_stream', `${stream} was changed by others ${MAX_ATTEMPTS} times. Run the import again.`);
      }
    }
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
    const found = this.files[file];
    return {
      name: basename(found?.source.name ?? ''),
      sha256: found?.source.digest ?? '',
      mapping: this.mapping,
      rejected: found?.report.counts.rejected ?? 0,
    };
  }

  private callOf(file: number): CommandCall {
    const found = this.files[file];
    if (found === undefined) throw new Error(`there is no file ${file}`);
    return found.call;
  }
}

const nameOf = ({ provider, delivery }: Delivery): string => `${provider} ${delivery}`;
