import type { AnswerOf } from '#ledger/query';
import { diff } from '#operations/audit';
import { counted, print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { type Node, treeLines } from './tree.js';
import { asked } from './wrong-usage.js';

type Differences = AnswerOf<typeof diff.answer>;
type Explaining = Pick<Differences['lines'][number], 'events' | 'eventCount'>;

/** Shows what changed between two moments of recording. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; from?: string; to?: string },
): Promise<number> {
  return withLedger(options, async (ledger) => {
    const answer = await asked(ledger.ask(diff, { from: options.from ?? '', to: options.to }, cliCaller()));
    if (options.json) printJson(answer);
    else for (const node of nodesOf(answer)) print(treeLines(node).join('\n'));
    return 0;
  });
}

const changed = (before: string | null, after: string | null): string => `${before ?? 'none'} → ${after ?? 'none'}`;

function rateText(rate: Differences['rates'][number]['before']): string | null {
  if (rate === null) return null;
  const unit = rate.unit === null ? '' : ` per ${rate.unit}`;
  const until = rate.effectiveUntil === null ? '' : ` until ${rate.effectiveUntil}`;
  return `${rate.unitPrice} ${rate.currency}${unit}${until}`;
}

const node = (text: string, { events, eventCount }: Explaining): Node => ({
  text,
  below: [
    ...events.map((event) => ({ text: eventText(event) })),
    ...(eventCount > events.length ? [{ text: `… and ${eventCount - events.length} more` }] : []),
  ],
});

function eventText({ position, type, recordedAt, actor, command, reason }: Explaining['events'][number]): string {
  const by = command === null ? actor : `${actor}  ${command}`;
  return `event ${position}  ${type}  ${recordedAt}  ${by}${reason === null ? '' : `: ${reason}`}`;
}

const rateNode = (rate: Differences['rates'][number]): Node =>
  node(
    `${rate.resourceType}/${rate.resourceFamily}/${rate.location} from ${rate.effectiveFrom}: ` +
      changed(rateText(rate.before), rateText(rate.after)),
    rate,
  );

const usageNode = (usage: Differences['usage'][number]): Node =>
  node(
    `${usage.billingKind} of ${usage.deploymentId} in ${usage.month}: ` +
      `${changed(usage.before, usage.after)} (${counted(usage.readings, 'reading')})`,
    usage,
  );

const lineNode = (line: Differences['lines'][number]): Node =>
  node(
    `${line.billingKind} of ${line.tenantId} [${line.period.start}, ${line.period.end}): ` +
      `${changed(line.before, line.after)} ${line.currency}`,
    line,
  );

function invoiceNode(invoice: Differences['invoices'][number]): Node {
  const { number, invoiceId, tenantId, before, after, currency } = invoice;
  const status = changed(before?.status ?? null, after?.status ?? null);
  return node(`${number ?? invoiceId} of ${tenantId}: ${status} ${after?.total ?? ''} ${currency}`.trimEnd(), invoice);
}

const marginNode = (margin: NonNullable<Differences['margin']>[number]): Node =>
  node(
    `${margin.month} ${margin.tenantId ?? 'overall'}: ` +
      `${changed(margin.before.margin, margin.after.margin)} ${margin.currency}` +
      (margin.before.sharedCogs === margin.after.sharedCogs
        ? ''
        : `, shared cost ${changed(margin.before.sharedCogs, margin.after.sharedCogs)}`),
    margin,
  );

function nodesOf({ from, to, rates, usage, lines, invoices, margin }: Differences): Node[] {
  const groups: readonly (readonly [string, readonly Node[]])[] = [
    ['rates', rates.map(rateNode)],
    ['usage', usage.map(usageNode)],
    ['lines', lines.map(lineNode)],
    ['invoices', invoices.map(invoiceNode)],
    ['margin', (margin ?? []).map(marginNode)],
  ];
  return [
    {
      text: `from position ${from} to ${to}`,
      below: groups.map(([text, below]) => ({ text: below.length === 0 ? `${text}: no difference` : text, below })),
    },
  ];
}
