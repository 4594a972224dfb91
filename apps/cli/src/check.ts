import type { Checked } from '#audit/check/index';
import { print, printJson, say } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { asked } from './wrong-usage.js';

interface Options {
  readonly dataDir: string;
  readonly json: boolean;
  readonly asOf?: string;
  /** False for --no-replay. */
  readonly replay?: boolean;
}

/**
 * Checks all invariants over the live data and compares it with a replay of the log. Exits 1 if an invariant does not
 * hold; notices do not change the exit code.
 */
export async function run(_args: readonly string[], options: Options): Promise<number> {
  return withLedger(options, async (ledger, audit) => {
    const { replay: replays = true } = options;
    if (options.asOf === undefined) await ledger.catchUpIfPossible();
    if (replays) say('replaying the log to compare it with the live read models (--no-replay skips this)');
    const checked = await asked(audit.check(cliCaller(), { asOf: options.asOf, replays }));
    if (options.json) printJson(checked);
    else show(checked);
    return checked.ok ? 0 : 1;
  });
}

function show({ ok, position, failures, notices }: Checked): void {
  for (const [kind, findings] of [
    ['FAILS ', failures],
    ['notice', notices],
  ] as const)
    for (const { code, message, remedy } of findings) print(`${kind}  ${message} (${code})\n        ${remedy}`);
  print(
    ok
      ? `every invariant holds at position ${position}; notices: ${notices.length}`
      : `invariants that do not hold at position ${position}: ${failures.length}`,
  );
}
