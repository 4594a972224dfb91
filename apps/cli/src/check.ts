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

/** All invariants over the live data, and a replay of the log beside it; exit 1 where one does not hold. Notices fail nothing. */
export async function run(_args: readonly string[], options: Options): Promise<number> {
  return withLedger(options, async (_ledger, audit) => {
    const { replay: replays = true } = options;
    if (replays) say('replaying the log beside the live read models; --no-replay leaves this out');
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
      : `${failures.length} invariants do not hold at position ${position}`,
  );
}
