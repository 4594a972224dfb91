#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { messageOf } from './errors.js';
import { endedInInstalledNode, endWithParent } from './installed-node.js';
import { takeSecretFiles } from '#runtime/secret-files';
import { CLI_ACTOR } from './actor.js';
import { say } from './output.js';
import { versionOfProduct } from './version.js';
import { WrongUsage } from './wrong-usage.js';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** The options that every command has. */
export interface GlobalOptions {
  readonly dataDir: string;
  readonly json: boolean;
}

type Options = GlobalOptions & Readonly<Record<string, unknown>>;
type Run = (args: readonly string[], options: Options) => Promise<number>;

const program = new Command('ledgerline')
  .description('An event-sourced billing ledger for cloud usage')
  .version(versionOfProduct(), '--version', 'print the version')
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(add --help to see the options and an example)');

/** Declares a command. Its code is loaded only when it runs, so that `rate` does not load the server. */
function command(name: string, summary: string, example: string, load: () => Promise<{ run: Run }>): Command {
  return program
    .command(name)
    .description(summary)
    .option(
      '--data-dir <dir>',
      'directory of the embedded Postgres, which runs unless DATABASE_URL is set',
      './.ledgerline',
    )
    .option('--json', 'print one JSON document on stdout', false)
    .addHelpText('after', `\nExample:\n  ${example}`)
    .exitOverride()
    .action(async function (this: Command) {
      const { run } = await load();
      process.exitCode = await run(this.args, this.opts<Options>());
    });
}

command(
  'demo',
  'run the whole example on real input, in a fresh data directory',
  'ledgerline demo',
  () => import('./demo.js'),
);
command('up', 'serve API, worker and console on loopback', 'ledgerline up --port 3000', () => import('./up.js')).option(
  '--port <port>',
  'port of the API (0: any free port)',
  // The API on its own reads the same variable.
  process.env['LEDGERLINE_PORT'] ?? '3000',
);
command(
  'init',
  'write a small set of files to begin a ledger with: plan, tenant, resources, usage, costs',
  'ledgerline init my-ledger',
  () => import('./init.js'),
).argument('<directory>');
const apply = command(
  'apply',
  'execute commands from JSONL files, in order (-: stdin)',
  'ledgerline apply commands.jsonl --json\n' +
    '  echo \'{"command":"run-metering","date":"2026-04-01"}\' | ledgerline apply -',
  () => import('./apply.js'),
)
  .argument('<files...>')
  .option('--actor <name>', 'the actor that the events record', CLI_ACTOR)
  .option('--dry-run', 'show what would change, in money, as preview does; record nothing', false);
const execute = command(
  'execute',
  'execute one command, such as a correction, or show what it would change',
  'ledgerline execute correct-price planId=standard billingKind=gateway price.model=unit price.unitAmount=0.02' +
    " effectiveFrom=2026-04-01T00:00:00Z reason='a typo' --preview",
  () => import('./execute.js'),
)
  .argument('<command>')
  .argument('[fields...]', 'field=value; ledgerline commands NAME lists the fields. Objects and lists are JSON')
  .option('--actor <name>', 'the actor that the events record', CLI_ACTOR)
  .option(
    '--based-on <position>',
    'the position that --preview printed; a correction is refused if the same was changed since',
  )
  .option('--preview', 'show what would change, in money; record nothing', false);
command(
  'commands',
  'list the commands that apply takes, or show one with its fields, its correction and an example',
  'ledgerline commands set-rate',
  () => import('./commands.js'),
).argument('[name]');
command(
  'rate',
  'rate each request of a JSON array, without a database',
  'ledgerline rate requests.json',
  () => import('./rate.js'),
).argument('<file>');
command(
  'quote',
  'calculate the price of usage under a plan',
  'ledgerline quote --plan plan.json --usage usage.json',
  () => import('./quote.js'),
)
  .requiredOption('--plan <file|id>', 'a file with the fields of publish-plan, or the id of a published plan')
  .requiredOption('--usage <file>', 'a JSON file with one object: quantity by billing kind')
  .option('--period <start/end>', 'the period to quote; a published plan applies the terms in force at its start');
command(
  'meter',
  'meter UTC days from the inventory',
  'ledgerline meter --date 2026-04-01 --to 2026-04-30',
  () => import('./meter.js'),
)
  .requiredOption('--date <date>', 'the day, or the first of several days')
  .option('--to <date>', 'the last day');
command(
  'prune',
  'delete raw usage records of a month when their retention is over and all invoices that use them are issued',
  'ledgerline prune --month 2026-04',
  () => import('./prune.js'),
)
  .requiredOption('--month <month>', 'a UTC month such as 2026-04')
  .option('--deployment <id>', 'only this deployment')
  .option('--at <instant>', 'the instant by which the retention must be over (default: now)');
command(
  'move-usage',
  'move raw usage records of old months to another tablespace of Postgres, or list the months with their bytes',
  'ledgerline move-usage --before 2025-07 --tablespace archive',
  () => import('./move-usage.js'),
)
  .option('--before <month>', 'months before this one, such as 2025-07')
  .option('--tablespace <name>', 'a tablespace that exists');
command(
  'invoice',
  'meter the days that are due, then create (and issue) the invoices that are due as of an instant',
  'ledgerline invoice --as-of 2026-05-01T00:00:00Z --issue',
  () => import('./invoice.js'),
)
  .requiredOption(
    '--as-of <instant>',
    'bill what is due as of this instant. A date is midnight in the time zone of each tenant',
  )
  .option('--tenant <id>', 'only this tenant')
  .option('--issue', 'issue the invoices too', false)
  .option('--unmetered <bill>', '"bill" bills days without metering as 0. Default: the invoice is refused');
command(
  'rates',
  'correct a rate in the past, or show what the correction would change',
  'ledgerline rates correct --type VmVCpu --family standard --location hetzner-fsn1' +
    " --price 0.01 --from 2026-04-01T00:00:00Z --reason 'ten times too high' --preview",
  () => import('./rates.js'),
)
  .argument('<correct>')
  .requiredOption('--type <resourceType>', 'resource type of the rate')
  .requiredOption('--family <resourceFamily>', 'resource family of the rate')
  .requiredOption('--location <location>', 'location of the rate')
  .requiredOption('--price <decimal>', 'the correct unit price')
  .requiredOption('--from <instant>', 'the start of the corrected period')
  .option('--until <instant>', 'the end of the corrected period (default: the next change of this rate)')
  .requiredOption('--reason <text>', 'the reason, shown on each correction')
  .option('--idempotency-key <key>', 'a new key, to record an equal correction a second time on purpose')
  .option(
    '--based-on <position>',
    'the position that --preview printed; the correction is refused if the rate has changed since',
  )
  .option('--preview', 'show what would change, in money; record nothing', false);
command(
  'preview',
  'show what the commands of a JSONL file would change, in money; record nothing',
  'ledgerline preview corrections.jsonl --period 2026-04',
  () => import('./preview.js'),
)
  .argument('<file>')
  .option('--at <instant>', 'the instant up to which open lines are rated (default: now)')
  .option('--period <month>', 'also show the margin of this month, without the commands and with them')
  .option('--currency <code>', 'currency of the margin');
command(
  'backfill',
  'import usage, costs, resources or rates from CSV or JSONL files, plain or gzip (-: stdin)',
  'ledgerline backfill usage 2025-*.csv.gz --dry-run\n  ledgerline backfill costs april/ --delivery 2026-05-02',
  () => import('./backfill.js'),
)
  .argument('[kind]', 'usage, costs, resources or rates')
  .argument('[files...]')
  .option('--detect <file>', 'show which preset fits a file, and its first rows as they are read; import nothing')
  .option('--map <file>', 'how to read the file: preset, columns, values, zone and more (see docs/backfill.md)')
  .option('--preset <name>', 'the source of the file, if its columns do not tell')
  .option('--delivery <name>', 'of costs: the delivery of the files; a new name replaces the one before')
  .option('--partial', 'of costs: the files have only some lines of the delivery; nothing is taken away', false)
  .option('--dry-run', 'show what would happen; write nothing', false)
  .option('--resume', 'skip the rows that an interrupted run of the same file has finished', false);
command(
  'export',
  'write usage, lines, invoices, margin, FOCUS, the journal of a month for accountants, or an electronic invoice',
  'ledgerline export focus --period 2026-04 > focus.csv\n  ledgerline export usage --format jsonl --out usage.jsonl\n' +
    '  ledgerline export journal --period 2026-04 > april.csv\n  ledgerline export invoice --number INV-000003 > i.xml',
  () => import('./export.js'),
)
  .argument('<kind>', 'focus, journal, usage, lines, invoices, margin or invoice')
  .option('--period <month>', 'a month such as 2026-04 (required for focus, journal and margin)')
  .option('--as-of <instant|position>', 'export what was known then')
  .option('--currency <code>', 'currency of the margin or the journal')
  .option('--issuer <name>', 'name of the invoice issuer in FOCUS rows')
  .option('--version <1.2|1.3>', 'version of FOCUS (default: 1.2)')
  .option('--accounts <file>', 'names of the accounts of the journal, as YAML or JSON (see docs/exporting.md)')
  .option('--format <name>', 'csv, jsonl (journal also: hledger, ledger, beancount, datev, xero, quickbooks); ubl, cii')
  .option('--number <number>', 'number or id of the invoice, credit note or consolidated invoice')
  .option('--profile <name>', 'profile of the invoice: en16931, peppol, xrechnung or facturx (default: en16931)')
  .option('--out <file>', 'write to this file instead of stdout');
command(
  'token',
  'issue a bearer token of the API, list the tokens that were issued, or revoke one',
  'ledgerline token create --role tenant --tenant acme --expires 30d\n' +
    '  ledgerline token list\n' +
    "  ledgerline token revoke 4b2a7c1e-5d0f-4f6e-9c55-2f1f4c1f7a10 --reason 'sent by mail'",
  () => import('./token.js'),
)
  .argument('<create|list|revoke>')
  .argument('[id]', 'revoke: the id of the token')
  .option('--role <role>', 'create: platform_admin, operator, auditor, tenant or ingest')
  .option('--tenant <id>', 'create: the only tenant of the token')
  .option('--expires <duration>', 'create: how long it is valid, such as 12h or 30d (default: 30d)')
  .option('--actor <name>', 'create: who acts with it, as events name it (default: the tenant or the role)')
  .option('--reason <text>', 'revoke: why');
const query = command(
  'query',
  'query a read model, now or as of a log position or instant',
  'ledgerline query margin period=2026-04-15 --json',
  () => import('./query.js'),
)
  .argument('<name>')
  .argument('[params...]', 'key=value, as in REST')
  .option('--as-of <instant|position>', 'answer with what was known then')
  .option('--wide', 'show all columns, also if they are wider than the terminal', false)
  .option('--csv', 'print the rows as CSV', false)
  .option('--list <name>', 'with --csv: the list to print, of an answer that has several');
command(
  'document',
  'write an invoice, a credit note or a consolidated invoice as HTML, to print or to send',
  'ledgerline document INV-000003 --out invoice.html',
  () => import('./document.js'),
)
  .argument('<id|number>')
  .option('--out <file>', 'write to this file instead of stdout')
  .option('--without-zero-lines', 'leave out lines whose amounts are all 0', false)
  .option('--as-of <instant|position>', 'the document as it was known then');
command(
  'explain',
  'trace an amount down to its events, or an event up to its invoices',
  'ledgerline explain INV-000003\n' +
    '  ledgerline explain margin:2026-04/USD/dashboard-pilot\n' +
    '  ledgerline explain usage:pilot-site/droplet_hours/pilot-1/2026-04-01T00:00:00Z\n' +
    '  ledgerline explain 1071        # the event at that position',
  () => import('./explain.js'),
)
  .argument(
    '<id>',
    'id or number of an invoice or a credit note; id of a line, part or row; ' +
      'usage:…, margin:…; a log position, or STREAM#REVISION',
  )
  .option('--short', 'show only how the amounts are computed', false)
  .option('--as-of <instant|position>', 'explain what was known then');
command(
  'check',
  'check all invariants over the live data; print each failure with its ids and the remedy',
  'ledgerline check --json',
  () => import('./check.js'),
)
  .option(
    '--no-replay',
    'do not replay the log to compare it with the read models (a replay takes about as long as a rebuild)',
  )
  .option('--as-of <instant|position>', 'check what was known then');
command(
  'replay',
  'replay the log up to a moment into a schema that you can query with SQL',
  'ledgerline replay --as-of 2026-04-30T00:00:00Z --into april',
  () => import('./replay.js'),
)
  .requiredOption('--as-of <instant|position>', 'include what was recorded by then')
  .option('--into <schema>', 'name of the schema (default: replay_<position>)')
  .option('--tenant <id>', 'only the rows of this tenant, and rows that belong to no tenant');
command(
  'reissue',
  'compute an issued invoice again from the log alone and compare it, byte for byte, with what was frozen',
  'ledgerline reissue INV-000003 --json',
  () => import('./reissue.js'),
).argument('<number|id>');
command(
  'diff',
  'show what changed between two moments of recording, and the events that explain it',
  'ledgerline diff --from 1131 --to 1160',
  () => import('./diff.js'),
)
  .requiredOption('--from <instant|position>', 'the earlier moment')
  .option('--to <instant|position>', 'the later moment (default: now)');
command(
  'verify',
  'verify that the bytes of the log are as they were recorded; this only reads',
  'ledgerline verify --checkpoint kept.checkpoint --json',
  () => import('./verify.js'),
)
  .option('--checkpoint <file...>', 'signed checkpoints that you kept; the log must still agree with each of them')
  .option(
    '--invoice <id|number>',
    'show that the events of this issued invoice are in the log and in the largest of the checkpoints',
  )
  .option('--key <file|key>', 'public key of the checkpoints (default: that of the signing key here)');
command(
  'checkpoint-key',
  'make a key that signs checkpoints, or show the public key of the one in use',
  'ledgerline checkpoint-key create > checkpoint.key\n  ledgerline checkpoint-key show',
  () => import('./checkpoint-key.js'),
).argument('<create|show>');
command(
  'checkpoint',
  'sign a statement of what the log contains now; keep it on another system',
  'ledgerline checkpoint --out 2026-05.checkpoint',
  () => import('./checkpoint.js'),
).option('--out <file>', 'write to this file instead of stdout');
command(
  'audit',
  'write an invoice and all its proofs to one file that can be checked offline',
  'ledgerline audit bundle --invoice INV-000003 --out INV-000003.json\n' +
    '  python3 libs/transparency/verify_bundle.py INV-000003.json',
  () => import('./audit.js'),
)
  .argument('<bundle>')
  .requiredOption('--invoice <id|number>', 'an issued invoice')
  .requiredOption('--out <file>', 'the file to write');
command(
  'projections',
  'show the positions of the read models; rebuild them from the log while they serve; ' +
    'restore the previous ones; skip an event that cannot be applied',
  'ledgerline projections status\n' +
    '  ledgerline projections rebuild --preview\n' +
    '  ledgerline projections rebuild --only margins,usage-records --accept\n' +
    '  ledgerline projections rollback\n' +
    "  ledgerline projections skip 4711 --reason 'written by a build that was withdrawn'",
  () => import('./projections.js'),
)
  .argument('<status|rebuild|rollback|skip>')
  .argument('[position]', 'skip: the position of the event')
  .option('--only <names>', 'rebuild: only these projections, separated by commas (default: all)')
  .option('--preview', 'rebuild: build and compare, but do not swap the read models', false)
  .option('--accept', 'rebuild: use the new read models even if they differ', false)
  .option('--reason <text>', 'skip: the reason, recorded in the event');

// The reader of the output may stop early (`| head`). That is no failure, and the database must still be closed.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** Node reads other bytes as U+FFFD: two ids would become one. */
function assertUtf8Arguments(): void {
  const wrong = process.argv.slice(2).find((each) => each.includes('\uFFFD'));
  if (wrong !== undefined)
    throw new WrongUsage(`the argument ${wrong} is not text in UTF-8. Check the encoding of the terminal or script.`);
}

/**
 * Keeps the compiled code of commands beside the code: who may change the one may change the other. Where nothing can
 * be written, nothing is kept. An older Node does not know it.
 */
async function keepCompiled(): Promise<void> {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache(fileURLToPath(new URL('../../../.compiled', import.meta.url)));
}

/** Lists the operations in the help of `query` and `apply`. Other commands start without loading them. */
async function listOperations(): Promise<void> {
  if (!process.argv.some((each) => [query, apply, execute].some((command) => command.name() === each))) return;
  const { commandsHelp, queriesHelp } = await import('./operations.help.js');
  query.addHelpText('after', queriesHelp);
  apply.addHelpText('after', commandsHelp);
  execute.addHelpText('after', commandsHelp);
}

try {
  endWithParent();
  if (!(await endedInInstalledNode(FAILED))) {
    assertUtf8Arguments();
    takeSecretFiles(process.env);
    await keepCompiled();
    await listOperations();
    await program.parseAsync();
  }
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? DONE : WRONG_USAGE;
  else {
    say(`ledgerline: ${messageOf(error)}`);
    process.exitCode = error instanceof WrongUsage ? WRONG_USAGE : FAILED;
  }
}
