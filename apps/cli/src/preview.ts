import { jsonFault } from '#domain/json-text';
import { parse, zInstant } from '#domain/schema';
import { isCorrection, nameOf } from '#ledger/command';
import type { Preview } from '#operations/ledger';
import { COMMANDS } from '#operations/operations';
import { reasonOf } from './errors.js';
import { assertStdinOnce, bytesOf, jsonIn, readLines } from './input.js';
import { counted, print, printFitted, printJson, say, table, widthOfTerminal } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly at?: unknown;
  readonly period?: unknown;
  readonly currency?: unknown;
}

/** All of them are in memory, and are carried out one after the other in a transaction. */
const MOST_COMMANDS = 100_000;

/**
 * Shows what the commands of files would do, and what changes in money, and records nothing. With --period it also
 * shows the margin of a month, without the commands and with them.
 */
export async function run(files: readonly string[], options: Options): Promise<number> {
  assertStdinOnce(files);
  const commands: unknown[] = [];
  const places: Place[] = [];
  let notJson = 0;
  let number = 0;
  let leftOut = 0;
  for (const file of files) await bytesOf(file);
  for (const file of files) {
    for await (const { line, content } of readLines(file, new AbortController().signal)) {
      if (commands.length === MOST_COMMANDS)
        throw new Error(`${file}:${line}: more than ${MOST_COMMANDS} commands are not previewed. Divide the files.`);
      number += 1;
      try {
        const command = jsonIn(content);
        if (COMMANDS.get(nameOf(command))?.isPreviewed === false) {
          say(`${file}:${line}: ${nameOf(command)} is left out. It can't be previewed.`);
          leftOut += 1;
          continue;
        }
        commands.push(command);
        places.push({ at: `${file}:${line}`, number });
      } catch (error) {
        say(`${file}:${line}: would be refused (not_json): the line ${jsonFault(error)}`);
        notJson += 1;
      }
    }
  }
  const code = await previewed(commands, options, places);
  if (leftOut > 0) say(`${counted(leftOut, 'command')} left out: the preview does not show what they would change.`);
  return notJson > 0 ? 1 : code;
}

/** Where a command was read: file and line, and its number among all. */
interface Place {
  readonly at: string;
  readonly number: number;
}

/**
 * Shows what commands would change. `places`: where each was read; without, it is the command of the command line.
 * Exits 1 if one of them would be refused.
 */
export async function previewed(
  commands: readonly unknown[],
  options: Options,
  places: readonly Place[] = [],
): Promise<number> {
  const at = options.at === undefined ? undefined : readOption(() => parse(zInstant, options.at, '--at'));
  const margin =
    options.period === undefined
      ? undefined
      : { period: options.period, ...(options.currency === undefined ? {} : { currency: options.currency }) };
  return withLedger(options, async (ledger) => {
    const preview = await ledger.preview(commands, cliCaller(), {
      ...(at === undefined ? {} : { at }),
      ...(margin === undefined ? {} : { margin }),
    });
    const refused = preview.commands.flatMap((each) => (each.status === 'refused' ? [each] : []));
    for (const { index, command, error } of refused)
      say(
        `${places[index]?.at ?? 'the command'}: ${command} would be refused (${error.code}): ` +
          reasonOf({ command, error }),
      );
    if (options.json) printJson(preview);
    else {
      for (const { index, status, command } of preview.commands)
        if (status !== 'refused' && places.length > 0)
          print(`${places[index]?.number}\twould be ${status}\t${command}`);
      show(preview);
      if (commands.some((each) => isCorrection(nameOf(each)))) {
        const basis = places.length > 0 ? `"basedOn": ${preview.position} in it` : `--based-on ${preview.position}`;
        say(
          `prepared at position ${preview.position}. With ${basis}, a correction is refused if the same data was ` +
            'corrected since then.',
        );
      }
    }
    return refused.length > 0 ? 1 : 0;
  });
}

function show(preview: Preview): void {
  const { lines, byTenant, byMonth, totals, remetered, margin, addressees, thresholds, alerts } = preview;
  if (lines.length === 0) print('no amount would change');
  else {
    printFitted(
      lines.map(({ invoiceId, number, before, after, difference, tax, quarantine, ...line }) => ({
        tenantId: line.tenantId,
        invoice: number ?? invoiceId ?? 'open',
        billingKind: line.billingKind,
        period: line.period,
        before: quarantine?.before ?? before,
        after: quarantine?.after ?? after,
        difference,
        tax: tax.difference,
        currency: line.currency,
      })),
      widthOfTerminal(),
      '--json',
    );
    for (const { tenantId, currency, difference, taxDifference } of byTenant)
      print(`tenant ${tenantId}  ${difference} ${currency}  tax ${taxDifference} ${currency}`);
    for (const { month, currency, difference } of byMonth) print(`month ${month}  ${difference} ${currency}`);
    for (const { currency, total } of totals) print(`total  ${total} ${currency}`);
  }
  if (remetered.length > 0)
    say(
      `the preview also metered again: ${remetered.join(', ')}. After you apply the commands, run-metering does this.`,
    );
  if (margin !== undefined) {
    const isEstimated = [margin.before, margin.after].some(({ estimate }) => estimate.byKind.length > 0);
    print(
      `margin\n${table([
        { when: 'without', ...figuresOf(margin.before, isEstimated) },
        { when: 'with', ...figuresOf(margin.after, isEstimated) },
      ])}`,
    );
  }
  for (const each of addressees ?? []) print(addresseeLine(each));
  if (addressees?.length === 0) print('no invoice would be addressed to another');
  for (const { tenantId, budgetId, month, threshold, change, value, limit } of thresholds ?? [])
    print(
      `budget ${budgetId} of ${tenantId}  ${month}: ${threshold} % would be ${change}  ` +
        `${value ?? '-'} of ${limit ?? '-'}`,
    );
  for (const { alertId, period, tenantId, provider, kind, change, value } of alerts ?? [])
    print(
      `alert ${alertId}  ${period} ${tenantId ?? (provider === null ? 'overall' : `${provider} ${kind ?? ''}`)}: ` +
        `would be ${change}  ${value ?? '-'}`,
    );
  if (thresholds?.length === 0) print('no threshold of the budget would be reached or undone');
  if (alerts?.length === 0) print('no alert of the rule would be raised or cleared');
}

function addresseeLine({ tenantId, ...of }: NonNullable<Preview['addressees']>[number]): string {
  const [before, after] = [of.before ?? tenantId, of.after ?? tenantId];
  if (of.number !== null)
    return (
      `invoice ${of.number} of ${tenantId}: stays addressed to ${before}.` +
      ` To address it to ${after}, void it and bill it again.`
    );
  const what = of.invoiceId === null ? `what is open of ${tenantId} in ${of.currency}` : `draft ${of.invoiceId}`;
  return `${what}: would be addressed to ${after} instead of ${before}`;
}

const figuresOf = ({ overall, shared, estimate }: NonNullable<Preview['margin']>['before'], withEstimate: boolean) => ({
  ...{ revenue: overall.revenue, cogs: overall.cogs, margin: overall.margin, marginPct: overall.marginPct },
  ...(shared.length === 0 ? {} : { sharedCogs: overall.sharedCogs, directMargin: overall.directMargin }),
  ...(withEstimate ? { estimatedCost: estimate.estimatedCost, marginWithEstimate: estimate.marginWithEstimate } : {}),
});
