import type { Differences } from '#audit/diff/index';
import type { Explaining } from '#audit/diff/span';
import { print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { type Node, treeLines } from './tree.js';
import { asked } from './wrong-usage.js';

/** What changed between two moments of recording. */
export async function run(
  _args: readonly string[],
  options: { dataDir: string; json: boolean; from?: string; to?: string },
): Promise<number> {
  return withLedger(options, async (ledger) => {
    const answer = (await asked(
      ledger.ask('diff', { from: options.from, to: options.to }, cliCaller()),
    )) as Differences;
    if (options.json) printJson(answer);
    else for (const node of nodesOf(answer)) print(treeLines(node).join('\n'));
    return 0;
  });
}

const rateText = (rate: Differences['rates'][number]['before']): string | null =>
  rate === null
    ? null
    : `${rate.unitPrice} ${rate.currency}${rate.unit === null ? '' : ` per ${rate.unit}`}${rate.effectiveUntil === null ? '' : ` until ${rate.effectiveUntil}`}`;

function nodesOf({ from, to, rates, usage, lines, invoices, margin }: Differences): Node[] {
  const node = (text: string, { events, eventCount }: Explaining): Node => ({
    text,
    below: [
      ...events.map(({ position, type, recordedAt, actor, command, reason }) => ({
        text: `event ${position}  ${type}  ${recordedAt}  ${actor}${command === null ? '' : `  ${command}`}${reason === null ? '' : `: ${reason}`}`,
      })),
      ...(eventCount > events.length ? [{ text: `… and ${eventCount - events.length} more` }] : []),
    ],
  });
  const changed = (before: string | null, after: string | null): string => `${before ?? 'none'} → ${after ?? 'none'}`;
  const groups: readonly (readonly [string, readonly Node[]])[] = [
    [
      'rates',
      rates.map((each) =>
        node(
          `${each.resourceType}/${each.resourceFamily}/${each.location} from ${each.effectiveFrom}: ${changed(rateText(each.before), rateText(each.after))}`,
          each,
        ),
      ),
    ],
    [
      'usage',
      usage.map((each) =>
        node(
          `${each.billingKind} of ${each.deploymentId} in ${each.month}: ${changed(each.before, each.after)} (${each.readings} readings)`,
          each,
        ),
      ),
    ],
    [
      'lines',
      lines.map((each) =>
        node(
          `${each.billingKind} of ${each.tenantId} [${each.period.start}, ${each.period.end}): ${changed(each.before, each.after)} ${each.currency}`,
          each,
        ),
      ),
    ],
    [
      'invoices',
      invoices.map((each) =>
        node(
          `${each.number ?? each.invoiceId} of ${each.tenantId}: ${changed(each.before?.status ?? null, each.after?.status ?? null)} ${each.after?.total ?? ''} ${each.currency}`.trimEnd(),
          each,
        ),
      ),
    ],
    [
      'margin',
      (margin ?? []).map((each) =>
        node(
          `${each.month} ${each.tenantId ?? 'overall'}: ${changed(each.before.margin, each.after.margin)} ${each.currency}`,
          each,
        ),
      ),
    ],
  ];
  return [
    {
      text: `from position ${from} to ${to}`,
      below: groups.map(([text, below]) => ({ text: below.length === 0 ? `${text}: no difference` : text, below })),
    },
  ];
}
