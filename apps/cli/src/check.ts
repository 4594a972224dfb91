import { print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}
interface Checked {
  readonly ok: boolean;
  readonly position: number;
  readonly failures: readonly Finding[];
  readonly notices: readonly Finding[];
}

/** All invariants over the live data; exit 1 where one does not hold. Notices fail nothing. */
export async function run(_args: readonly string[], options: { dataDir: string; json: boolean }): Promise<number> {
  return withLedger(options, async (ledger) => {
    const checked = (await ledger.ask('check', {}, cliCaller())) as Checked;
    if (options.json) printJson(checked);
    else show(checked);
    return checked.ok ? 0 : 1;
  });
}

function show({ ok, position, failures, notices }: Checked): void {
  for (const [kind, findings] of [['FAILS ', failures], ['notice', notices]] as const)
    for (const { code, message, remedy } of findings) print(`${kind}  ${message} (${code})\n        ${remedy}`);
  print(ok ? `every invariant holds at position ${position}; notices: ${notices.length}` : `${failures.length} invariants do not hold at position ${position}`);
}
