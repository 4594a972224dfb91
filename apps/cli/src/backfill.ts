import { BACKFILL_KINDS, type BackfillKind, type Mapping, readMapping } from '#exchange/rows/mapping';
import type { BackfillRequest } from '#exchange/backfill/request';
import type { DryRun } from '#exchange/backfill/dry-run';
import type { Historic, Imported } from '#exchange/backfill/imported';
import { type Rejected, SHOWN_OF_A_REASON } from '#exchange/backfill/report';
import type { DeliveryOptions } from '#exchange/deliveries/mode';
import { keepHeapSmall } from '#runtime/small-heap';
import type { Counts } from '#exchange/rows/outcome';
import { allFilesOf } from './backfill-files.js';
import { detected } from './backfill-detect.js';
import { readJson } from './input.js';
import { counted, print, printJson, progress, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption, WrongUsage } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly detect?: unknown;
  readonly map?: unknown;
  readonly preset?: unknown;
  readonly delivery?: unknown;
  readonly partial?: unknown;
  readonly dryRun?: unknown;
  readonly resume?: unknown;
}

/** Imports files. Exits 1 if a row was rejected or the import was interrupted. */
export async function run([kind = '', ...named]: readonly string[], options: Options): Promise<number> {
  if (typeof options.detect === 'string') return detected(options.detect, options.json);
  if (kind === '') throw new WrongUsage(`name a kind (${BACKFILL_KINDS.join(', ')}) and files, or --detect FILE`);
  if (!isKind(kind)) throw new WrongUsage(`unknown kind ${JSON.stringify(kind)} (known: ${BACKFILL_KINDS.join(', ')})`);
  if (named.length === 0) throw new WrongUsage('name at least one file');
  const mapped = typeof options.map === 'string' ? await mappingIn(options.map) : {};
  const mapping = typeof options.preset === 'string' ? { ...mapped, preset: options.preset } : mapped;
  const delivery = deliveryIn(kind, options);
  const files = await allFilesOf(named);
  keepHeapSmall();
  const stopping = new AbortController();
  const stop = (): void => {
    say('stopping: the rows that are already read are finished first');
    stopping.abort();
  };
  return withLedger(
    options,
    async (ledger) => {
      const shown = progress();
      const began = performance.now();
      const request: BackfillRequest = {
        kind,
        files,
        mapping,
        stdin: () => process.stdin,
        signal: stopping.signal,
        resume: options.resume === true,
        delivery,
        onProgress: ({ share, rows, file }) =>
          shown.show(share, `${file}: ${rows} rows${paceOf(rows, share, performance.now() - began)}`),
        onReject(sentence, ofReason) {
          if (ofReason <= SHOWN_OF_A_REASON) say(sentence);
        },
      };
      const summary =
        options.dryRun === true
          ? await ledger.backfillDryRun(request, cliCaller())
          : await ledger.backfill(request, cliCaller());
      shown.end();
      if (options.json) printJson(summary);
      else printSummary(summary);
      return summary.rejected > 0 || summary.interrupted ? 1 : 0;
    },
    stop,
  );
}

/** Errors: WrongUsage, if the options don't suit the kind. */
function deliveryIn(kind: BackfillKind, { delivery, partial }: Options): DeliveryOptions {
  const name = typeof delivery === 'string' ? delivery : null;
  if (kind !== 'costs' && (name !== null || partial === true))
    throw new WrongUsage(`--delivery and --partial apply only to costs, not to ${kind}`);
  if (name === '') throw new WrongUsage('--delivery needs a name, such as 2026-04');
  return { name, isPartial: partial === true };
}

const isKind = (kind: string): kind is BackfillKind => BACKFILL_KINDS.some((each) => each === kind);

async function mappingIn(file: string): Promise<Mapping> {
  const json = await readJson(file);
  return readOption(() => readMapping(json, file));
}

function paceOf(rows: number, share: number, ms: number): string {
  if (ms < 1000 || share === 0) return '';
  const left = Math.ceil((ms * (1 - share)) / share / 1000);
  const time = left < 60 ? `${left} s` : `${Math.ceil(left / 60)} min`;
  return `, ${Math.round((rows * 1000) / ms)} per second, ${time} left`;
}

function printSummary(summary: Imported | DryRun): void {
  const { files, odd, rejects, interrupted, removed = 0, ...counts } = summary;
  for (const { file, rejects, notes, ...own } of files) {
    print(`${file}: ${countsText(own)}`);
    if (rejects !== null)
      say(`rejected rows and their reasons are in ${rejects}: correct "record" there and import that file`);
    if (notes !== null) say(`accepted rows with a note are in ${notes}, each with its note`);
  }
  for (const each of rejects) printRejected(each);
  for (const { field, message, rows } of odd) say(`note: ${field}: ${message} (${counted(rows, 'row')})`);
  if (files.length > 1) print(`total: ${countsText(counts)}`);
  if (removed > 0) print(`${counted(removed, 'recorded line')} withdrawn: the delivery no longer has them`);
  if ('survey' in summary) printDryRun(summary);
  else for (const each of summary.historic) printHistoric(each);
  if (interrupted) say('interrupted. What is written so far is kept; run the same command again for the rest.');
}

/** Of a reason that more rows have than were printed. */
function printRejected({ field, reason, rows, first }: Rejected): void {
  if (rows <= first.length) return;
  const places = first.map(({ file, row }) => `${file} row ${row}`).join(', ');
  say(`${counted(rows, 'row')} rejected: ${field === null ? '' : `${field} `}${reason} (first: ${places})`);
}

const countsText = ({ read, accepted, duplicate, correction, rejected }: Counts): string =>
  `${counted(read, 'row')} read: ${accepted} accepted, ${duplicate} duplicate, ` +
  `${correction} correction, ${rejected} rejected`;

function printDryRun({
  survey: { from, until, kinds, deployments, notRegistered, tenants },
  effect,
  notTried,
}: DryRun): void {
  if (from !== null) print(`from ${from} until ${until ?? 'open'}`);
  for (const { kind, currency, rows, sum } of kinds)
    print(
      `${kind}: ${counted(rows, 'row')}${sum === null ? '' : `, sum ${sum}${currency === null ? '' : ` ${currency}`}`}`,
    );
  const named = tenants.length === 0 ? 'none' : tenants.join(', ');
  print(`${counted(deployments, 'deployment')}, tenants: ${named}`);
  if (notRegistered > 0) print(`${counted(notRegistered, 'deployment')} not registered`);
  for (const { invoiceId, number, tenantId, difference, currency } of effect?.invoices ?? [])
    print(
      `invoice ${number ?? invoiceId} of ${tenantId} is issued: ` +
        `${difference} ${currency} would be booked as corrections on the next invoice`,
    );
  for (const { tenantId, difference, currency } of effect?.open ?? [])
    print(`open lines of ${tenantId}: ${difference} ${currency}`);
  if (notTried !== null) say(notTried);
  say('dry run: nothing was written');
}

function printHistoric({ tenantId, lines, numbers }: Historic): void {
  const billed = `${counted(lines, 'billed line')} (${numbers.join(', ')})`;
  say(
    `${tenantId}: the import affects ${billed}. ` +
      'The next run of ledgerline invoice books any difference as a correction.',
  );
}
