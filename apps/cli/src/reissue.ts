import type { Difference } from '#audit/reissue/reissue';
import { print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

/** Computes an issued invoice again from the log alone. Exits 1 if it differs from the issued one. */
export async function run(
  [invoice = '']: readonly string[],
  options: { dataDir: string; json: boolean },
): Promise<number> {
  return withLedger(options, async (_ledger, audit) => {
    say('replaying the log up to the position that the invoice was computed at');
    const reissued = await asked(audit.reissue(invoice, cliCaller()));
    const { ok, number, computedAt, differences } = reissued;
    if (options.json) printJson(reissued);
    else {
      for (const difference of differences) print(textOf(difference));
      const fields = `${differences.length} ${differences.length === 1 ? 'field' : 'fields'}`;
      print(
        `${number}, recomputed from the log up to position ${computedAt}, ` +
          (ok
            ? 'is identical to the issued invoice'
            : `differs from the issued invoice in ${fields}. Run ledgerline verify.`),
      );
    }
    return ok ? 0 : 1;
  });
}

function textOf({ row, field, frozen, computed }: Difference): string {
  const name = row === null ? 'the invoice' : nameOf(row);
  return `${name}: ${field}: issued ${shown(frozen)}, recomputed ${shown(computed)}`;
}

const nameOf = ({ rowId, billingKind, ref, kind, chargePeriod: { start, end } }: NonNullable<Difference['row']>) =>
  `${billingKind} ${ref} [${start}, ${end}) ${kind}, row ${rowId}`;

const shown = (value: unknown): string =>
  value === null ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
