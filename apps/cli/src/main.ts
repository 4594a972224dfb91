#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { say } from './output.js';
import { WrongUsage } from './wrong-usage.js';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** What every command takes. */
export interface GlobalOptions {
  readonly dataDir: string;
  readonly json: boolean;
}

type Options = GlobalOptions & Readonly<Record<string, unknown>>;
type Run = (args: readonly string[], options: Options) => Promise<number>;

const program = new Command('ledgerline')
  .description('An event-sourced billing ledger for cloud usage')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('(add --help for its options and an example)');

/** A command whose code is loaded only when it runs, so that `rate` does not pay for the server. */
function command(name: string, summary: string, example: string, load: () => Promise<{ run: Run }>): Command {
  return program
    .command(name)
    .description(summary)
    .option(
      '--data-dir <dir>',
      'where the embedded Postgres keeps its data, unless DATABASE_URL is set',
      './.ledgerline',
    )
    .option('--json', 'one JSON document on stdout', false)
    .addHelpText('after', `\nExample:\n  ${example}`)
    .exitOverride()
    .action(async function (this: Command) {
      const { run } = await load();
      process.exitCode = await run(this.args, this.opts<Options>());
    });
}

command(
  'demo',
  'the whole story on real input, in a fresh data directory',
  'ledgerline demo',
  () => import('./demo.js'),
);
command(
  'up',
  'serves API, worker and console on loopback',
  'ledgerline up --port 3000',
  () => import('./up.js'),
).option(
  '--port <port>',
  'the port of the API; 0 for any',
  // The same variable as for the API alone.
  process.env['LEDGERLINE_PORT'] ?? '3000',
);
command(
  'apply',
  'executes commands from JSONL, in order; - is stdin',
  'ledgerline apply commands.jsonl --json\n  echo \'{"command":"run-metering","date":"2026-04-01"}\' | ledgerline apply -',
  () => import('./apply.js'),
)
  .argument('<files...>')
  .option('--actor <name>', 'who does it, as the events will say', `cli:${process.env['USER'] ?? 'unknown'}`);
command(
  'rate',
  'rates each request of a JSON array; touches no store',
  'ledgerline rate requests.json',
  () => import('./rate.js'),
).argument('<file>');
command(
  'quote',
  'what usage would come to under a plan',
  'ledgerline quote --plan plan.json --usage usage.json',
  () => import('./quote.js'),
)
  .requiredOption('--plan <file|id>', 'a plan as publish-plan takes it, or the id of a published one')
  .requiredOption('--usage <file>', 'a JSON object: quantity by billing kind')
  .option('--period <start/end>', 'the period quoted; of a published plan, the terms in force at its start count');
command(
  'meter',
  'meters UTC days from the inventory',
  'ledgerline meter --date 2026-04-01 --to 2026-04-30',
  () => import('./meter.js'),
)
  .requiredOption('--date <date>', 'the day, or the first of several')
  .option('--to <date>', 'the last day');
command(
  'prune',
  'drops the raw usage records of a month whose retention is over, where every invoice that uses them is issued',
  'ledgerline prune --month 2026-04',
  () => import('./prune.js'),
)
  .requiredOption('--month <month>', 'a UTC month such as 2026-04')
  .option('--deployment <id>', 'of this deployment only')
  .option('--at <instant>', 'by when retention must be over; now unless given');
command(
  'invoice',
  'creates (and issues) the invoices due as of an instant',
  'ledgerline invoice --as-of 2026-05-01T00:00:00Z --issue',
  () => import('./invoice.js'),
)
  .requiredOption('--as-of <instant>', 'bills what is due as of then')
  .option('--tenant <id>', 'one tenant only')
  .option('--issue', 'issues them too', false);
command(
  'rates',
  'corrects a rate in the past, or shows what that would change',
  "ledgerline rates correct --type VmVCpu --family standard --location hetzner-fsn1 --price 0.01 --from 2026-04-01T00:00:00Z --reason 'ten times too high' --preview",
  () => import('./rates.js'),
)
  .argument('<correct>')
  .requiredOption('--type <resourceType>', 'the rate’s key')
  .requiredOption('--family <resourceFamily>', 'the rate’s key')
  .requiredOption('--location <location>', 'the rate’s key')
  .requiredOption('--price <decimal>', 'the right unit price')
  .requiredOption('--from <instant>', 'from when it is right')
  .option('--until <instant>', 'up to when; else to the key’s next change')
  .requiredOption('--reason <text>', 'why, as corrections will say')
  .option('--idempotency-key <key>', 'of its own, for a correction that was recorded before and is meant again')
  .option('--based-on <position>', 'the position that --preview named: refused where someone changed the rate since')
  .option('--preview', 'shows what would change, in money, and changes nothing', false);
command(
  'preview',
  'what the commands of a JSONL file would change, in money; changes nothing',
  'ledgerline preview corrections.jsonl --period 2026-04',
  () => import('./preview.js'),
)
  .argument('<file>')
  .option('--at <instant>', 'up to when open lines are rated; now unless given')
  .option('--period <month>', 'the margin of this month, without the commands and with them')
  .option('--currency <code>', 'of the margin');
command(
  'backfill',
  'imports usage, costs, resources or rates from CSV or JSONL files, plain or gzip; - is stdin',
  'ledgerline backfill usage 2025-*.csv.gz --dry-run\n  ledgerline backfill costs focus.csv --map map.json --json',
  () => import('./backfill.js'),
)
  .argument('<kind>', 'usage, costs, resources or rates')
  .argument('<files...>')
  .option('--map <file>', 'how to read the file: preset, columns, values, zone (docs/importing.md)')
  .option('--dry-run', 'says what would happen, and writes nothing', false)
  .option('--resume', 'passes over the rows that an interrupted run of the same file was done with', false);
command(
  'export',
  'writes usage, lines, invoices, margin, or cost and revenue as FOCUS 1.2 rows, as CSV or lines of JSON',
  'ledgerline export focus --period 2026-04 > focus.csv\n  ledgerline export usage --format jsonl --out usage.jsonl',
  () => import('./export.js'),
)
  .argument('<kind>', 'focus, usage, lines, invoices or margin')
  .option('--period <month>', 'a month such as 2026-04; focus and margin need it')
  .option('--currency <code>', 'of the margin')
  .option('--issuer <name>', 'who bills, as FOCUS rows name it')
  .option('--format <csv|jsonl>', 'csv unless given; with --json, jsonl')
  .option('--out <file>', 'a file instead of stdout');
command(
  'query',
  'asks a read model, now or as of a log position or instant',
  'ledgerline query margin period=2026-04-15 --json',
  () => import('./query.js'),
)
  .argument('<name>')
  .argument('[params...]', 'key=value, as in REST')
  .option('--as-of <instant|position>', 'what was known then');
command(
  'document',
  'an invoice or a credit note as HTML, to print or to send',
  'ledgerline document 0198c2d4-… --out invoice.html',
  () => import('./document.js'),
)
  .argument('<id>')
  .option('--out <file>', 'writes it into this file instead of stdout')
  .option('--as-of <instant|position>', 'as it was known then');
command(
  'explain',
  'an amount down to its events, an event up to its invoices',
  'ledgerline explain INV-000003\n  ledgerline explain margin:2026-04/USD/dashboard-pilot\n  ledgerline explain usage:pilot-site/droplet_hours/pilot-1/2026-04-01T00:00:00Z\n  ledgerline explain 1071        # the event at that position',
  () => import('./explain.js'),
)
  .argument(
    '<id>',
    'of an invoice or a credit note (or its number), line, part or row; usage:…, margin:…; a log position, or STREAM#REVISION',
  )
  .option('--as-of <instant|position>', 'what was known then');
command(
  'check',
  'all invariants over the live data, each failure with its ids and the remedy',
  'ledgerline check --json',
  () => import('./check.js'),
)
  .option(
    '--no-replay',
    'leaves out the replay of the log that the read models are held against: it takes about as long as a rebuild',
  )
  .option('--as-of <instant|position>', 'what was known then');
command(
  'replay',
  'the whole state as it was, in a schema that can be queried with SQL',
  'ledgerline replay --as-of 2026-04-30T00:00:00Z --into april',
  () => import('./replay.js'),
)
  .requiredOption('--as-of <instant|position>', 'what was recorded by then')
  .option('--into <schema>', 'its name; replay_<position> unless given')
  .option('--tenant <id>', 'only the rows of this tenant, and what belongs to none');
command(
  'diff',
  'what changed between two moments of recording, and the events that explain it',
  'ledgerline diff --from 1131 --to 1160',
  () => import('./diff.js'),
)
  .requiredOption('--from <instant|position>', 'what was known then')
  .option('--to <instant|position>', 'against what was known then; now unless given');
command(
  'verify',
  'whether the log is as it was recorded, by its own bytes; only reads',
  'ledgerline verify --checkpoint kept.checkpoint --json',
  () => import('./verify.js'),
)
  .option('--checkpoint <file...>', 'signed checkpoints that were kept: the log must still be that of each')
  .option(
    '--invoice <id|number>',
    'shows that the events of this issued invoice are in the log, and in the largest of the checkpoints',
  )
  .option('--key <file|key>', 'the public key that signed them; unless given, that of the signing key here');
command(
  'checkpoint',
  'a signed statement of what the log holds now, to be kept elsewhere',
  'ledgerline checkpoint --out 2026-05.checkpoint',
  () => import('./checkpoint.js'),
).option('--out <file>', 'writes it there instead of to stdout');
command(
  'audit',
  'writes an invoice with all that proves it, to be checked offline',
  'ledgerline audit bundle --invoice INV-000003 --out INV-000003.json\n  python3 libs/transparency/verify_bundle.py INV-000003.json',
  () => import('./audit.js'),
)
  .argument('<bundle>')
  .requiredOption('--invoice <id|number>', 'an issued invoice')
  .requiredOption('--out <file>', 'the file to write');
command(
  'projections',
  "where the read models are; rebuilds them from the log while they serve, puts the ones before back, skips an event that can't be applied",
  'ledgerline projections status\n  ledgerline projections rebuild --preview\n  ledgerline projections rebuild --only margins,usage-records --accept\n' +
    "  ledgerline projections rollback\n  ledgerline projections skip 4711 --reason 'written by a build that was withdrawn'",
  () => import('./projections.js'),
)
  .argument('<status|rebuild|rollback|skip>')
  .argument('[position]', 'of the event to be skipped')
  .option('--only <names>', 'rebuild: these projections, separated by commas; else all')
  .option('--preview', 'rebuild: builds and compares, and exchanges nothing', false)
  .option('--accept', 'rebuild: takes the new read models also where they differ', false)
  .option('--reason <text>', 'skip: why, as the event will say');

// Whoever reads our output may have seen enough (`| head`): that is no failure, and the database is still to be closed.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const NEEDED_NODE = 24;

/** Started with the machine's own Node, an older one: the one that was installed with us takes over. */
async function handedOver(): Promise<boolean> {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_NODE) return false;
  const node = fileURLToPath(new URL('../../../../node_modules/.bin/node', import.meta.url));
  // The channel tells it that we are gone, killed: it must not go on alone.
  const child = spawn(node, process.argv.slice(1), { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // Signals are for the one that works: it ends in its own way, and then we do. A terminal's Ctrl-C reaches it by itself.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? FAILED);
    });
    child.once('error', ({ message }) => {
      say(
        `ledgerline needs Node ${NEEDED_NODE}, and the one that comes with it does not start (${message}): run npm ci`,
      );
      resolve(FAILED);
    });
  });
  return true;
}

/** Whoever handed over to us was killed: so are we, as if we were one process. */
function endWithParent(): void {
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGKILL');
  });
  process.channel?.unref();
}

try {
  endWithParent();
  if (!(await handedOver())) await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? DONE : WRONG_USAGE;
  else {
    say(`ledgerline: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof WrongUsage ? WRONG_USAGE : FAILED;
  }
}
