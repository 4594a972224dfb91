import pMap from 'p-map';
import { costStream, type DeliveryMode } from '#domain/costs/cost';
import { conflict } from '#domain/errors';
import { MAX_APPEND_BYTES, WrongExpectedRevision } from '#event-store/port';
import type { AppendedEvent } from '#ledger/appending/event-book';
import type { CommandCall } from '#ledger/command';
import { sourceInFile } from '#ledger/file-rows';
import type { LedgerCore } from '#ledger/ledger-core';
import { RE_DELIVERED } from '../rows/outcome.js';
import type { Source } from '../rows/source.js';
import { runsOf, writtenLines } from './lines.js';
import type { Comparison } from './mode.js';
import type { Compared, GoneLine, RowToWrite, Staging } from './staging.js';

/** So many are written before the projections follow. */
const LINES_PER_WRITE = 4_000;
const DELIVERIES_PER_WRITE = 1_000;
/** Appends of one moment share a transaction of the log. */
const DELIVERIES_AT_ONCE = 100;
/** While one append is under way, the next events are prepared. */
const WRITES_AT_ONCE = 6;
/** Each attempt is a short race with one append of another writer: so many are never lost in a row. */
const MAX_ATTEMPTS = 1000;
const RESTATED = 'the provider gave other details';
/** The room that an append leaves for an event's id and metadata, which name the rows of its lines. */
const BYTES_BESIDE_EVENT = 2048;

/** A file that lines are written from. */
export interface WrittenFile {
  readonly source: Source;
  readonly call: CommandCall;
}

export interface Delivery {
  readonly index: number;
  readonly provider: string;
  readonly delivery: string;
  /** What its name begins with if a file may have other parts of it. */
  readonly partOf: string | null;
  /** The numbers of the files that have rows of it. */
  readonly files: Set<number>;
  /** The beginnings of the digests of files from which rows of it were rejected, and are mended. */
  readonly mended: Set<string>;
  /** Whether its lines may be on several bills, whose references begin with its own. */
  readonly mayHaveBills: boolean;
}

/** What is to be written of a delivery. */
export interface Decided {
  readonly of: Delivery;
  readonly mode: DeliveryMode;
  readonly compared: Compared;
  readonly comparison: Comparison;
  readonly removed: number;
  /** Whether the delivery gets a name or files that it did not have, or is completed. */
  readonly isNews: boolean;
}

/** An event of a delivery, and the import of the file that it comes from. */
interface Step {
  readonly stream: string;
  readonly event: AppendedEvent;
  readonly call: CommandCall;
}

/**
 * Writes the differences of deliveries: of each, its start, its lines, and its completion. An import that is killed in
 * between is continued from the start of the deliveries that are not completed.
 */
export class DeliveryWriter {
  /** The revision of each stream after the appends of this import, also those under way. */
  private readonly revisions = new Map<string, number>();
  private projected: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly core: LedgerCore,
    private readonly staging: Staging,
    private readonly files: readonly WrittenFile[],
    /** The name that the importing user gave the deliveries. */
    private readonly name: string | null,
  ) {}

  /** Many small deliveries are written at once, a large one page by page. */
  async write(decided: readonly Decided[], signal: AbortSignal): Promise<void> {
    for (const group of groupsOf(decided.filter(hasNews))) {
      if (signal.aborted) break;
      const [first] = group;
      if (first !== undefined && linesOf(first) > LINES_PER_WRITE) await this.writeLarge(first, signal);
      else await this.writeSmall(group);
    }
    await this.projected;
  }

  private async writeSmall(group: readonly Decided[]): Promise<void> {
    const numbers = group.map(({ of }) => of.index);
    const rows = Map.groupBy(await this.staging.rowsToWrite(numbers, 0, LINES_PER_WRITE), ({ delivery }) => delivery);
    const gone = await this.goneOf(group);
    await allSettled(group, DELIVERIES_AT_ONCE, async (each) => {
      const { index, provider } = each.of;
      await this.inOrder([
        ...this.beginning(each, gone.get(index) ?? []),
        ...runsOf(rows.get(index) ?? []).flatMap((run) => this.lines(provider, run)),
        this.completion(each),
      ]);
    });
    await this.projectBehind();
  }

  private async writeLarge(one: Decided, signal: AbortSignal): Promise<void> {
    const { index, provider } = one.of;
    const gone = await this.goneOf([one]);
    await this.inOrder(this.beginning(one, gone.get(index) ?? []));
    for (let page = this.pageOf(index, 0); ;) {
      const rows = await page;
      const last = rows.at(-1);
      const hasMore = last !== undefined && rows.length === LINES_PER_WRITE;
      // The next page is read while this one is written.
      if (hasMore) page = this.pageOf(index, last.n);
      const steps = runsOf(rows).flatMap((run) => this.lines(provider, run));
      await allSettled(steps, WRITES_AT_ONCE, async (step) => this.append([step]));
      await this.projectBehind();
      if (!hasMore) break;
      if (signal.aborted) {
        await page;
        return;
      }
    }
    await this.append([this.completion(one)]);
  }

  private pageOf(delivery: number, after: number): Promise<RowToWrite[]> {
    const page = this.staging.rowsToWrite([delivery], after, LINES_PER_WRITE);
    // Whoever waits for the page gets its failure.
    page.catch(() => undefined);
    return page;
  }

  private async goneOf(group: readonly Decided[]): Promise<Map<number, GoneLine[]>> {
    const numbers = group.filter(({ removed }) => removed > 0).map(({ of }) => of.index);
    return Map.groupBy(numbers.length === 0 ? [] : await this.staging.gone(numbers), ({ delivery }) => delivery);
  }

  /** Written lines are projected while the next ones are written, one pass at a time. */
  private async projectBehind(): Promise<void> {
    await this.projected;
    this.projected = this.core.projector.catchUp();
    // The next page or the end of the import reports its failure.
    this.projected.catch(() => undefined);
  }

  private named({ provider, delivery }: Delivery): { provider: string; delivery: string; name?: string } {
    return { provider, delivery, ...(this.name === null ? {} : { name: this.name }) };
  }

  /** The start of the delivery, unless it was recorded before an interruption, and what is withdrawn. */
  private beginning({ of, mode, comparison }: Decided, gone: readonly GoneLine[]): Step[] {
    const { provider, delivery } = of;
    const call = this.callOf([...of.files][0] ?? 0);
    const started: Step = {
      stream: costStream(provider, delivery),
      call,
      event: { type: 'CostDeliveryStarted', data: { ...this.named(of), mode, files: [...comparison.added] } },
    };
    const withdrawn = gone.map(({ invoiceRef, lineKey }): Step => ({
      stream: costStream(provider, invoiceRef),
      call,
      event: { type: 'CostWithdrawn', data: { provider, invoiceRef, lineKey, reason: RE_DELIVERED } },
    }));
    return [...(comparison.isResumed ? [] : [started]), ...withdrawn];
  }

  private completion({ of }: Decided): Step {
    return {
      stream: costStream(of.provider, of.delivery),
      call: this.callOf([...of.files][0] ?? 0),
      event: { type: 'CostDeliveryCompleted', data: this.named(of) },
    };
  }

  /** Rows of one file, bill and outcome. */
  private lines(provider: string, run: readonly RowToWrite[]): Step[] {
    const [first] = run;
    if (first === undefined) return [];
    const { invoiceRef, file, outcome } = first;
    const rows = run.map(({ row }) => row);
    const { source, call } = this.fileOf(file);
    const reason = outcome === 'accepted' ? {} : { reason: outcome === 'restated' ? RESTATED : RE_DELIVERED };
    return [
      {
        stream: costStream(provider, invoiceRef),
        call,
        event: {
          type: outcome === 'accepted' ? 'CostRecorded' : 'CostCorrected',
          written: writtenLines({ provider, invoiceRef, lines: run, ...reason }),
          source: sourceInFile(source, rows),
        },
      },
    ];
  }

  /** Neighbours of one stream are appended together, as far as they fit into an append. */
  private async inOrder(steps: readonly Step[]): Promise<void> {
    for (const together of appendsOf(steps)) await this.append(together);
  }

  /** Appends after whatever the stream has: everything was compared before, and no two events concern one line. */
  private async append(steps: readonly Step[]): Promise<void> {
    const [first] = steps;
    if (first === undefined) return;
    const { stream, call } = first;
    const events = steps.map(({ event }) => event);
    const causes = new Map(steps.map((step) => [step.event, step.call]));
    for (let attempts = 1; ; attempts += 1) {
      const revision = this.revisions.get(stream) ?? (await this.core.log.revisionOf(stream));
      // The next append to the stream does not wait for the answer to this one.
      this.revisions.set(stream, revision + events.length);
      try {
        await this.core.book.appendAt(stream, revision, call, events, undefined, causes);
        return;
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) throw error;
        this.revisions.delete(stream);
        if (attempts === MAX_ATTEMPTS)
          throw conflict('busy_stream', `${stream} was changed by others ${MAX_ATTEMPTS} times. Run the import again.`);
      }
    }
  }

  private fileOf(file: number): WrittenFile {
    const found = this.files[file];
    if (found === undefined) throw new Error(`there is no file ${file}`);
    return found;
  }

  private callOf(file: number): CommandCall {
    return this.fileOf(file).call;
  }
}

const linesOf = ({ compared, removed }: Decided): number =>
  compared.added + compared.changed + compared.restated + removed;

const hasNews = (decided: Decided): boolean => linesOf(decided) > 0 || decided.isNews;

/** Neighbours that are written together. A large delivery stands alone. */
const groupsOf = (decided: readonly Decided[]): Decided[][] =>
  neighbours(decided, linesOf, LINES_PER_WRITE, (group) => group.length < DELIVERIES_PER_WRITE);

const appendsOf = (steps: readonly Step[]): Step[][] =>
  neighbours(steps, sizeOf, MAX_APPEND_BYTES, ([first], { stream }) => first?.stream === stream);

/** Groups neighbours, each group up to a total size. A larger item stands alone. */
function neighbours<Item>(
  items: readonly Item[],
  sizeOfItem: (item: Item) => number,
  most: number,
  belongs: (group: readonly Item[], item: Item) => boolean,
): Item[][] {
  const groups: Item[][] = [];
  let total = 0;
  for (const item of items) {
    const last = groups.at(-1);
    const size = sizeOfItem(item);
    if (last !== undefined && total + size <= most && belongs(last, item)) {
      last.push(item);
      total += size;
    } else {
      groups.push([item]);
      total = size;
    }
  }
  return groups;
}

const sizeOf = ({ event }: Step): number =>
  BYTES_BESIDE_EVENT +
  ('written' in event
    ? Buffer.byteLength(event.written) + event.source.rows.length
    : Buffer.byteLength(JSON.stringify(event.data)));

/** Errors: the first failure, once no work is under way any more: another import may begin then. */
async function allSettled<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  await pMap(
    items,
    async (item) => {
      if (failures.length > 0) return;
      await work(item).catch((error: unknown) => failures.push(error));
    },
    { concurrency },
  );
  if (failures.length > 0) throw failures[0];
}
