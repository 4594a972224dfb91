import { parse, zInstant } from '#domain/schema';
import type { Preview } from '#operations/ledger';
import { messageOf } from './errors.js';
import { jsonIn, readLines } from './input.js';
import { print, printJson, say, table } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { readOption } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly at?: unknown;
  readonly period?: unknown;
  readonly currency?: unknown;
}

/**
 * Shows what the commands of files would change, in money, and records nothing. With --period it also shows the margin
 * of a month, without the commands and with them.
 */
export async function run(files: readonly string[], options: Options): Promise<number> {
  const commands: unknown[] = [];
  for (const file of files) {
    for await (const { line, content } of readLines(file, new AbortController().signal)) {
      try {
        commands.push(jsonIn(content));
      } catch (error) {
        throw new Error(`${file}, line ${line} is not JSON: ${messageOf(error)}`, { cause: error });
      }
    }
  }
  return previewed(commands, options);
}

/** Shows what commands would change. Exits 1 if one of them would be refused. */
export async function previewed(commands: readonly unknown[], options: Options): Promise<number> {
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
      say(`command ${index + 1}, ${command}, would be refused (${error.code}): ${error.message}`);
    if (options.json) printJson(preview);
    else show(preview);
    return refused.length > 0 ? 1 : 0;
  });
}

function show({ position, lines, byTenant, byMonth, totals, remetered, margin }: Preview): void {
  if (lines.length === 0) print('nothing would change');
  else {
    print(
      table(
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
      ),
    );
    for (const { tenantId, currency, difference, taxDifference } of byTenant)
      print(`tenant ${tenantId}  ${difference} ${currency}  tax ${taxDifference} ${currency}`);
    for (const { month, currency, difference } of byMonth) print(`month ${month}  ${difference} ${currency}`);
    for (const { currency, total } of totals) print(`total  ${total} ${currency}`);
  }
  say(
    `prepared at position ${position}. With --based-on ${position} (in a command: "basedOn": ${position}), ` +
      'a correction is refused if the same data was corrected since then.',
  );
  if (remetered.length > 0)
    say(
      `the preview also metered again: ${remetered.join(', ')}. After you apply the commands, run-metering does this.`,
    );
  if (margin !== undefined)
    print(
      `margin\n${table([
        { when: 'without', ...margin.before.overall },
        { when: 'with', ...margin.after.overall },
      ])}`,
    );
}
