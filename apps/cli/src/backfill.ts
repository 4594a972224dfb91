import { existsSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { BACKFILL_KINDS, type BackfillKind, type Mapping, readMapping } from '#exchange/rows/mapping';
import type { BackfillRequest } from '#exchange/backfill/backfill';
import type { DryRun } from '#exchange/backfill/dry-run';
import type { Historic, Imported } from '#exchange/backfill/imported';
import { keepHeapSmall } from '#runtime/small-heap';
import type { Counts } from '#exchange/rows/outcome';
import { readJson } from './input.js';
import { print, printJson, progress, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { given, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly map?: unknown;
  readonly dryRun?: unknown;
  readonly resume?: unknown;
}

/** So many rejected rows are told one by one; all of them are in the file of rejects. */
const MOST_TOLD = 20;

/** Imports files. Exit 1 where a row was rejected, or the work was interrupted. */
export async function run([kind = '', ...named]: readonly string[], options: Options): Promise<number> {
  if (!isKind(kind))
    throw new WrongUsage(`there is no backfill of ${JSON.stringify(kind)}; there is ${BACKFILL_KINDS.join(', ')}`);
  const mapping = typeof options.map === 'string' ? await mappingIn(options.map) : {};
  const files = (await Promise.all(named.map(matching))).flat();
  keepHeapSmall();
  const stopping = new AbortController();
  const stop = (): void => {
    say('stopping: what is read is finished first');
    stopping.abort();
  };
  return withLedger(
    options,
    async (ledger) => {
      const shown = progress();
      const began = performance.now();
      let told = 0;
      const request: BackfillRequest = {
        kind,
        files,
        mapping,
        stdin: () => process.stdin,
        signal: stopping.signal,
        resume: options.resume === true,
        onProgress: ({ share, rows, file }) =>
          shown.show(share, `${file}: ${rows} rows${paceOf(rows, share, performance.now() - began)}`),
        onReject(sentence) {
          told += 1;
          if (told <= MOST_TOLD) say(sentence);
          if (told === MOST_TOLD)
            say(
              options.dryRun === true
                ? 'more rejects are only counted'
                : 'more rejects are only in the file of rejects',
            );
        },
      };
      const summary =
        options.dryRun === true
          ? await ledger.backfillDryRun(request, cliCaller())
          : await ledger.backfill(request, cliCaller());
      shown.end();
      if (options.json) printJson(summary);
      else tell(summary);
      return summary.rejected > 0 || summary.interrupted ? 1 : 0;
    },
    stop,
  );
}

const isKind = (kind: string): kind is BackfillKind => BACKFILL_KINDS.some((each) => each === kind);

async function mappingIn(file: string): Promise<Mapping> {
  const json = await readJson(file);
  return given(() => readMapping(json, file));
}

/** What an import writes beside a file: a pattern that names all of a folder does not mean it. */
const BESIDE = /\.(rejects|notes)\.jsonl$/;

/** A shell expands most patterns; one in quotes, or where there is no shell, is expanded here. A file of this very name is that file. */
async function matching(file: string): Promise<string[]> {
  if (!/[*?[{]/.test(file) || existsSync(file)) return [file];
  const found: string[] = [];
  for await (const each of glob(file)) if (BESIDE.test(file) || !BESIDE.test(each)) found.push(each);
  if (found.length === 0) throw new Error(`no file matches ${file}`);
  return found.sort();
}

function paceOf(rows: number, share: number, ms: number): string {
  if (ms < 1000 || share === 0) return '';
  const left = Math.ceil((ms * (1 - share)) / share / 1000);
  return `, ${Math.round((rows * 1000) / ms)} a second, ${left < 60 ? `${left} s` : `${Math.ceil(left / 60)} min`} left`;
}

function tell(summary: Imported | DryRun): void {
  const { files, odd, interrupted, ...counts } = summary;
  for (const { file, rejects, notes, ...own } of files) {
    print(`${file}: ${countsText(own)}`);
    if (rejects !== null)
      say(`rejected rows, each with the reason: ${rejects}; mend "record" there and import that file`);
    if (notes !== null) say(`odd rows that were taken, each with what is odd: ${notes}`);
  }
  for (const { field, message, rows } of odd) say(`odd: ${field}: ${message} (${rows} rows)`);
  if (files.length > 1) print(`in all: ${countsText(counts)}`);
  if ('survey' in summary) tellDryRun(summary);
  else for (const each of summary.historic) tellHistoric(each);
  if (interrupted) say('interrupted: what was read is kept; run the same again for the rest');
}

const countsText = ({ read, accepted, duplicate, correction, rejected }: Counts): string =>
  `${read} rows read: ${accepted} accepted, ${duplicate} duplicate, ${correction} correction, ${rejected} rejected`;

function tellDryRun({ survey: { from, until, kinds, deployments, tenants }, effect, notTried }: DryRun): void {
  if (from !== null) print(`from ${from} until ${until ?? 'open'}`);
  for (const { kind, currency, rows, sum } of kinds)
    print(`${kind}: ${rows} rows${sum === null ? '' : `, sum ${sum}${currency === null ? '' : ` ${currency}`}`}`);
  print(
    `${deployments} deployment${deployments === 1 ? '' : 's'}, tenants: ${tenants.length === 0 ? 'none' : tenants.join(', ')}`,
  );
  for (const { invoiceId, tenantId, difference, currency } of effect?.invoices ?? [])
    print(
      `invoice ${invoiceId} of ${tenantId} is issued: ${difference} ${currency} would be booked as corrections on its next one`,
    );
  for (const { tenantId, difference, currency } of effect?.open ?? [])
    print(`open lines of ${tenantId}: ${difference} ${currency}`);
  if (notTried !== null) say(notTried);
  say('a dry run: nothing was written');
}

function tellHistoric({ tenantId, lines, invoices }: Historic): void {
  const billed = `${lines} billed line${lines === 1 ? '' : 's'} (invoice ${invoices.join(', ')})`;
  say(
    `${tenantId}: this reaches ${billed}: what differs now is booked as corrections on the next invoice (ledgerline invoice)`,
  );
}
