import { basename } from 'node:path';
import { invalid } from '#domain/errors';
import { ownText } from '#domain/own-text';
import type { LedgerCore } from '#ledger/ledger-core';
import {
  type BilledLine,
  readBilledLines,
  readBillsFrom,
  readCostDeliveries,
  readDeliveredFiles,
  readDeliveryNames,
} from '#projections/costs/costs.read';
import type { DeliveredFile } from '#projections/costs/costs.table';
import type { CostItem } from '../presets/costs.js';
import type { Importer, RowReport } from '../rows/outcome.js';
import type { SourceRow } from '../rows/row.js';
import { chargeKey } from './charge-key.js';
import { type Decided, type Delivery, DeliveryWriter, type WrittenFile } from './delivery-writer.js';
import { type Known, vanishedFrom } from './known-deliveries.js';
import { digestsOf, digestsOfRow, lineText } from './lines.js';
import {
  assertNotReplaced,
  assertReplaces,
  assertVanishes,
  comparisonOf,
  type Comparison,
  type DeliveryOptions,
  unnamedMode,
} from './mode.js';
import type { Compared, RecordedLine, StagedRow, Staging } from './staging.js';

const ROWS_PER_STATEMENT = 500;
const LINES_PER_PAGE = 10_000;
const BILLS_PER_PAGE = 100;
/** So many are looked up in one statement. */
const DELIVERIES_PER_STATEMENT = 1000;

/** A file of the import, and where the outcomes of its rows are counted. */
export interface FileOfDelivery extends WrittenFile {
  readonly report: RowReport;
}

/** A bill of a delivery whose recorded lines are read, after one of them. */
interface Bill {
  readonly known: Known;
  readonly invoiceRef: string;
  readonly lineKey: string;
}

/**
 * Cost lines by delivery: what a provider says of a payer account and a month. All files of an import are compared with
 * what is recorded of their deliveries, and only then the differences are written.
 */
export class CostDeliveries {
  private readonly deliveries = new Map<string, Delivery>();
  private rows: StagedRow[] = [];
  private staged: Promise<unknown> = Promise.resolve();
  private lastMended: { readonly row: string; readonly keys: readonly string[] } = { row: '', keys: [] };

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

  private add(file: number, item: CostItem, source: SourceRow): Promise<void> | undefined {
    const { row, identity } = source;
    const { provider, delivery, partOf, invoiceRef, mayHaveBills = false } = item;
    const name = idOf(item);
    const known = this.deliveries.get(name) ?? {
      index: this.deliveries.size,
      provider: ownText(provider),
      delivery: ownText(delivery),
      partOf: partOf === undefined ? null : ownText(partOf),
      files: new Set(),
      mended: new Set(),
      mayHaveBills,
    };
    this.deliveries.set(name, known);
    known.files.add(file);
    const keyOfCharge = chargeKey(item.key, item.isOwnId, item.line.chargePeriod.start);
    // A row that was rejected is known again by where it was, when its file of rejects is mended further.
    const isMended = identity !== undefined && !item.isOwnId;
    const isOwnId = item.isOwnId || isMended;
    const key = isMended ? `${keyOfCharge}#${identity}${this.timesIn(file, row, keyOfCharge)}` : keyOfCharge;
    if (isMended) known.mended.add(identity.slice(0, identity.indexOf(':')));
    this.rows.push({
      file,
      row,
      delivery: known.index,
      invoiceRef,
      key,
      isOwnId,
      ...digestsOf(item.line),
      line: lineText(item.line, key),
      record: isOwnId ? recordText(source) : null,
    });
    return this.rows.length >= ROWS_PER_STATEMENT ? this.beginStaging() : undefined;
  }

  /** A row may have several charges of one key. Empty for the first of them, then `.2`, `.3`, … */
  private timesIn(file: number, row: number, key: string): string {
    const { row: last, keys } = this.lastMended;
    const times = last === `${file} ${row}` ? [...keys, key] : [key];
    this.lastMended = { row: `${file} ${row}`, keys: times };
    const number = times.filter((each) => each === key).length;
    return number === 1 ? '' : `.${number}`;
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
      const writer = new DeliveryWriter(this.core, this.staging, this.files, this.options.name);
      if (!isDry) await writer.write(decided, signal);
      await this.count();
      return decided.reduce((sum, { removed }) => sum + removed, 0);
    });
  }

  /** Errors: `same_content`, if files may be several runs of one export: the last one has what the others have. */
  private async assertNoRuns(): Promise<void> {
    const [found] = await this.staging.repeated();
    const of = [...this.deliveries.values()].find(({ index }) => index === found?.delivery);
    if (found === undefined || of === undefined) return;
    // With their folders: each run may have a file of the same name.
    const [name, other] = [found.file, found.other].map((file) => this.files[file]?.source.name ?? '');
    throw invalid(
      'same_content',
      `${nameOf(of)}: ${other} repeats ${found.common} of ${found.rows} rows of ${name}. They may be two runs of one ` +
        'export. Nothing was imported. Import the last run only. If both are charged, import one after the other ' +
        'under one name, --delivery NAME.',
    );
  }

  private async decided(): Promise<Decided[]> {
    await this.assertNoRuns();
    const all = [...this.deliveries.values()];
    const known: Known[] = [];
    for (let from = 0; from < all.length; from += DELIVERIES_PER_STATEMENT)
      known.push(...(await this.known(all.slice(from, from + DELIVERIES_PER_STATEMENT))));
    await this.staging.alreadyHas(
      known.flatMap(({ of, comparison }) =>
        this.knownFiles(of, comparison).map((file) => ({ delivery: of.index, file })),
      ),
    );
    const vanished = await vanishedFrom(this.core.db, known, this.deliveries.size);
    await this.stageRecorded(await this.billsOf([...known, ...vanished]));
    await this.staging.compare();
    const compared = new Map((await this.staging.compared()).map((each) => [each.delivery, each]));
    const decided = new Map(known.map((each) => [each, this.decide(each, compared.get(each.of.index))]));
    const withdrawn = vanished.flatMap((each): Decided[] => {
      const of = compared.get(each.of.index);
      return of === undefined || decided.get(each.with)?.mode !== 'whole' ? [] : [this.withdraw(each, of)];
    });
    // The first to be written: an interrupted import continues them as long as the others are not completed.
    return [...withdrawn, ...decided.values()];
  }

  private withdraw({ of, comparison }: Known, compared: Compared): Decided {
    assertVanishes(nameOf(of), comparison, compared, rejectedOf(comparison));
    return { of, mode: 'whole', compared, comparison, removed: compared.recorded, isNews: true };
  }

  /** What is recorded of deliveries, and how their files are compared with it. */
  private async known(deliveries: readonly Delivery[]): Promise<Known[]> {
    const last = new Map((await readCostDeliveries(this.core.db, deliveries)).map((row) => [idOf(row), row]));
    const names = Map.groupBy(await readDeliveryNames(this.core.db, deliveries), idOf);
    const mended = deliveries.filter((of) => of.mended.size > 0);
    const files = Map.groupBy(mended.length === 0 ? [] : await readDeliveredFiles(this.core.db, mended), idOf);
    return deliveries.map((of) => {
      const recorded = {
        last: last.get(idOf(of)),
        names: (names.get(idOf(of)) ?? []).map(({ name }) => name),
        files: (files.get(idOf(of)) ?? []).map(({ sha256 }) => sha256),
      };
      const added = [...of.files].map((file) => this.delivered(file));
      if (!this.options.isPartial) assertNotReplaced(nameOf(of), recorded, added, of.mended);
      return { of, recorded, comparison: comparisonOf(nameOf(of), recorded, added, this.options) };
    });
  }

  private knownFiles({ files }: Delivery, { known }: Comparison): number[] {
    const digests = new Set(known.map(({ sha256 }) => sha256));
    return [...files].filter((file) => digests.has(this.delivered(file).sha256));
  }

  private decide({ of, recorded: { last }, comparison }: Known, compared: Compared | undefined): Decided {
    if (compared === undefined) throw new Error(`no row of ${nameOf(of)} was compared`);
    const mode = comparison.mode ?? unnamedMode(nameOf(of), last, compared);
    const { added, isResumed } = comparison;
    if (mode === 'whole') assertReplaces(nameOf(of), compared, rejectedOf(comparison));
    const removed = mode === 'whole' ? compared.recorded - compared.same - compared.changed : 0;
    const { name } = this.options;
    const isNews = isResumed || (name !== null && (last?.name !== name || added.length > 0));
    return { of, mode, compared, comparison, removed, isNews };
  }

  /** The bill that has the name of the delivery, and where there may be several, those that begin with it. */
  private async billsOf(known: readonly Known[]): Promise<Bill[]> {
    const bills = known.map((each): Bill => ({ known: each, invoiceRef: each.of.delivery, lineKey: '' }));
    const several = Map.groupBy(
      known.filter(({ of }) => of.mayHaveBills),
      ({ of }) => of.provider,
    );
    for (const [provider, those] of several) {
      const byName = new Map(those.map((each) => [each.of.delivery, each]));
      for (const invoiceRef of await readBillsFrom(this.core.db, provider, [...byName.keys()]))
        for (const name of namesBefore(invoiceRef)) {
          const found = byName.get(name);
          if (found !== undefined) bills.push({ known: found, invoiceRef, lineKey: '' });
        }
    }
    return bills;
  }

  /** Pages of many bills at once: some have three lines, some have millions. */
  private async stageRecorded(bills: readonly Bill[]): Promise<void> {
    const waiting = [...bills];
    while (waiting.length > 0) {
      const page = waiting.splice(0, BILLS_PER_PAGE);
      const limit = Math.floor(LINES_PER_PAGE / page.length);
      const asked = page.map(({ known, ...bill }) => ({ provider: known.of.provider, ...bill }));
      const lines = await readBilledLines(this.core.db, asked, limit);
      await this.staging.addRecorded(lines.map((line) => recordedLine(line, page[line.of])));
      for (const [of, own] of Map.groupBy(lines, (line) => line.of)) {
        const [bill, last] = [page[of], own.at(-1)];
        if (bill !== undefined && last !== undefined && own.length === limit)
          waiting.push({ ...bill, lineKey: last.line_key });
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
}

const recordText = ({ row, line, fields, text, identity }: SourceRow): string =>
  JSON.stringify({ row, line, fields, text, identity });

const idOf = ({ provider, delivery }: Pick<Delivery, 'provider' | 'delivery'>): string =>
  JSON.stringify([provider, delivery]);
/** What stands before a space of a reference: it may name the delivery of the bill. */
const namesBefore = (invoiceRef: string): string[] =>
  [...invoiceRef.matchAll(/ /g)].map(({ index }) => invoiceRef.slice(0, index));

function recordedLine(line: BilledLine, bill: Bill | undefined): RecordedLine {
  if (bill === undefined) throw new Error(`line ${line.line_key} is of no bill`);
  const { of, comparison } = bill.known;
  return {
    delivery: of.index,
    invoiceRef: line.invoice_ref,
    lineKey: line.line_key,
    ...digestsOfRow(line),
    isCompared: line.position_from > comparison.since,
  };
}

const rejectedOf = ({ added }: Comparison): number => added.reduce((sum, { rejected }) => sum + rejected, 0);
const nameOf = ({ provider, delivery }: Delivery): string => `${provider} ${delivery}`;
