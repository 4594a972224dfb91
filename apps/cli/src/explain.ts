import { print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';

interface Explained {
  readonly rows: readonly {
    readonly number: string | null;
    readonly row: { readonly billingKind: string; readonly ref: string; readonly kind: string; readonly chargePeriod: { start: string; end: string }; readonly reason?: string };
    readonly arithmetic: string;
    readonly price: { readonly planId: string; readonly effectiveFrom: string };
    readonly usage: { readonly since: string; readonly until: string; readonly quantity: string; readonly readings: number };
    readonly events: readonly { position: number; stream: string; revision: number; type: string; recordedAt: string; actor: string }[];
  }[];
}

/** An amount down to the events that it rests on. */
export async function run([id = '']: readonly string[], options: { dataDir: string; json: boolean }): Promise<number> {
  return withLedger(options, async (ledger) => {
    const answer = (await ledger.ask('explain', { id }, cliCaller())) as Explained;
    if (options.json) printJson(answer);
    else answer.rows.forEach(show);
    return 0;
  });
}

function show({ number, row, arithmetic, price, usage, events }: Explained['rows'][number]): void {
  print(`${number ?? 'draft'}  ${row.billingKind} ${row.ref}  [${row.chargePeriod.start}, ${row.chargePeriod.end})  ${row.kind}${row.reason === undefined ? '' : `: ${row.reason}`}`);
  print(`  ${arithmetic}`);
  print(`  price   plan ${price.planId} as of ${price.effectiveFrom}`);
  print(`  usage   ${usage.quantity} in ${usage.readings} readings of [${usage.since}, ${usage.until})`);
  for (const event of events) print(`  event   ${event.position}  ${event.type}  ${event.stream}#${event.revision}  ${event.recordedAt}  ${event.actor}`);
}
