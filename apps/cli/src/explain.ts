import { attributesText } from '#domain/plans/overlap';
import type { AnswerOf } from '#ledger/query';
import { explain } from '#operations/audit';
import { counted, print, printJson } from './output.js';
import { cliCaller, withLedger } from './session.js';
import { type Node, withEventsOnce, treeLines, withoutEvidence } from './tree.js';
import { asked } from './wrong-usage.js';

type Explained = AnswerOf<typeof explain.answer>;
type OfIssued = Extract<Explained, { is: 'issued' }>;
type OfUsage = Extract<Explained, { is: 'usage record' }>;
type ExplainedShared = Extract<Explained, { is: 'margin' }>['shared'][number];
type ExplainedDocument = OfIssued['documents'][number];
type ExplainedRow = OfIssued['rows'][number];
type ExplainedOpenLine = NonNullable<OfIssued['open']>;
type RelatedRow = ExplainedRow['corrects'][number];
type UsageVersion = OfUsage['versions'][number];
type UsedIn = OfUsage['usedIn'][number];
type FileRow = NonNullable<UsageVersion['file']>;
type Reference = ExplainedDocument['events'][number];

/** Traces an amount down to its events, or an event up to the invoices that use it. */
export async function run(
  [id = '']: readonly string[],
  options: { dataDir: string; json: boolean; short?: unknown; asOf?: string },
): Promise<number> {
  return withLedger(options, async (ledger) => {
    const explained = await asked(ledger.ask(explain, { id, asOf: options.asOf }, cliCaller()));
    if (options.json) printJson(explained);
    else {
      const shown = new Set<number>();
      for (const node of nodesOf(explained))
        print(treeLines(options.short === true ? withoutEvidence(node) : withEventsOnce(node, shown)).join('\n'));
    }
    return 0;
  });
}

function nodesOf(explained: Explained): Node[] {
  switch (explained.is) {
    case 'issued':
    case 'draft':
      return [
        ...explained.documents.map((document) => documentNode(document, explained.rows)),
        ...(explained.open === null ? [] : [openNode(explained.open)]),
      ];
    case 'open line':
      return [openNode(explained)];
    case 'usage record':
      return [
        {
          text: `usage record ${explained.id}`,
          below: [...explained.versions.map(versionNode), usedInNode(explained.usedIn)],
        },
      ];
    case 'margin':
      return [
        {
          text:
            `margin of ${explained.month} in ${explained.currency}` +
            `${after(', ', explained.tenantId)}: ${explained.arithmetic}`,
          below: [
            {
              text: 'revenue',
              below: explained.revenue.map(
                ({ amount, cause, number, invoiceId, billingKind, deploymentId, event }) => ({
                  text: `${amount}  ${billingKind} of ${deploymentId}, ${cause} on ${number ?? invoiceId}`,
                  below: event === null ? [] : eventNodes([event]),
                }),
              ),
            },
            {
              text: 'cost',
              below: explained.costs.map(
                ({ amount, kind, costLine, deploymentId, tenantId, sharedBy, remainderOf, file, event }) => ({
                  text:
                    `${amount}  ${kind} ${costLine} of ${deploymentId ?? tenantId ?? 'no tenant'}` +
                    after(', shared by policy ', sharedBy) +
                    `${after(', idle remainder of the pool of policy ', remainderOf)}${fileText(file)}`,
                  below: event === null ? [] : eventNodes([event]),
                }),
              ),
            },
            ...(explained.shared.length === 0
              ? []
              : [{ text: 'shared cost', below: explained.shared.map(sharedNode) }]),
          ],
        },
      ];
    case 'event':
      return [
        {
          text: eventText(explained.event),
          below: [
            { text: JSON.stringify(explained.event.data) },
            ...(explained.usedIn === null ? [] : [usedInNode(explained.usedIn)]),
            ...explained.margin.map((id) => ({ text: `in ${id}` })),
          ],
        },
      ];
  }
}

function sharedNode({
  policyId,
  method,
  billingKind,
  amount,
  fallback,
  arithmetic,
  parts,
  event,
}: ExplainedShared): Node {
  return {
    text:
      `${arithmetic ?? amount}  by policy ${policyId}, ${method}${after(' of ', billingKind)}` +
      after(', divided ', fallback === 'even' ? 'evenly: its basis is 0' : null),
    below: [
      ...parts.map((part) => ({ text: `${part.amount}  ${part.deploymentId ?? part.tenantId ?? 'no tenant'}` })),
      ...(event === null ? [] : eventNodes([event])),
    ],
  };
}

/** A separator and a text; nothing if there is no text. */
const after = (separator: string, text: string | null | undefined): string =>
  text === null || text === undefined ? '' : `${separator}${text}`;

function versionNode({ quantity, isInForce, origin, sourceId, file, event, until, metered }: UsageVersion): Node {
  const source = sourceId === null ? '' : ` (${sourceId})`;
  return {
    text: `${quantity}${source}, ${isInForce ? 'in force' : 'no longer in force'}, by ${origin}${fileText(file)}`,
    below: [
      ...(event === null ? [] : eventNodes([event])),
      ...(metered.length === 0 ? [] : [{ text: 'metered from', below: eventNodes(metered) }]),
      ...(until === null ? [] : [{ text: `until ${eventText(until)}` }]),
    ],
  };
}

function documentNode(
  { documentId, number, status, arithmetic, currency, credits, reason, events }: ExplainedDocument,
  rows: readonly ExplainedRow[],
): Node {
  const name = `${number ?? `draft ${documentId}`}${after(' of ', credits)}`;
  const state = number === null || credits !== null ? '' : `, ${status}`;
  return {
    text: `${name}${state}: ${arithmetic} ${currency}${after(': ', reason)}`,
    below: [...rows.filter(({ invoiceId }) => invoiceId === documentId).map(rowNode), ...eventNodes(events)],
  };
}

function openNode({ lineId, billingKind, tenantId, period: of, quarantine, parts, events }: ExplainedOpenLine): Node {
  return {
    text: `not billed yet, line ${lineId}: ${billingKind} of ${tenantId} ${period(of)}`,
    below: [
      ...(quarantine === null ? [] : [{ text: `cannot be rated: ${quarantine}` }]),
      ...parts.map((part) => ({
        text: `part ${part.partId} ${period(part.period)}, ${part.quantity} so far`,
        below: part.rows.map((row) => ({
          text: `${row.ref}: ${row.quantity} × ${row.unitAmount} = ${row.gross}, net ${row.net}`,
        })),
      })),
      ...eventNodes(events),
    ],
  };
}

const relatedText = (rows: readonly RelatedRow[]): string =>
  rows.map(({ rowId, number, kind }) => `${kind} ${rowId} of ${number ?? 'a draft'}`).join(', ');

const poolNode = ({ included, used, unused, excess, share, members }: NonNullable<ExplainedRow['pool']>): Node => ({
  text:
    `pool: ${included} included, ${used} used; ${unused} unused, ${excess} needed beyond the included; ` +
    `${share} given here`,
  below: members.map((each) => ({
    text:
      `${each.tenantId}, subscription ${each.subscriptionId}: ${each.included} included, ${each.used} used` +
      (each.share === '0' ? '' : `, ${each.share} from the others`),
  })),
});

function rowNode({
  filter,
  row,
  arithmetic,
  tax,
  price,
  rates,
  usage,
  pool,
  counted: drawn,
  corrects,
  correctedBy,
  because,
  events,
}: ExplainedRow): Node {
  return {
    text: `${row.billingKind} ${row.ref} ${period(row.chargePeriod)}  ${row.kind}${after(': ', row.reason)}`,
    below: [
      ...(filter === null || filter === undefined ? [] : [{ text: `of usage with ${attributesText(filter)}` }]),
      { text: arithmetic },
      ...(row.taxRatePercent === '0' ? [] : [{ text: `tax: ${tax}` }]),
      { text: `row ${row.rowId}, line ${row.lineId}`, isEvidence: true },
      ...(corrects.length === 0
        ? []
        : [
            {
              text: `corrects ${relatedText(corrects)}`,
              below:
                because.length === 0 ? [] : [{ text: 'because of events recorded since', below: eventNodes(because) }],
            },
          ]),
      ...(correctedBy.length === 0 ? [] : [{ text: `corrected by ${relatedText(correctedBy)}` }]),
      {
        text: `price: plan ${price.planId} as of ${price.effectiveFrom}, ${price.amount}`,
        isEvidence: true,
        below: price.setBy === null ? [] : [{ text: changeText(price.setBy) }],
      },
      ...rates.map((rate) => ({
        text: `rate: ${rateKey(rate)} ${rate.unitPrice} from ${rate.effectiveFrom}`,
        isEvidence: true,
        below: rate.event === null ? [] : eventNodes([rate.event]),
      })),
      ...(pool === null ? [] : [poolNode(pool)]),
      ...drawn.map(({ lineId, billingKind, period: of, net }) => ({
        text: `counts ${billingKind} ${period(of)}  ${net}  line ${lineId}`,
      })),
      ...(usage.readings === 0 ? [] : [{ text: `usage: ${usageText(usage)}`, isEvidence: true }]),
      ...eventNodes(events),
    ],
  };
}

const changeText = ({ position, recordedAt, reason }: NonNullable<ExplainedRow['price']['setBy']>): string =>
  `changed by event ${position}  ${recordedAt}${after(': ', reason)}`;

type Row = ExplainedRow;

const rateKey = ({ resourceType, resourceFamily, location }: Row['rates'][number]): string =>
  `${resourceType}/${resourceFamily}/${location}`;

const usageText = ({ quantity, readings, since, until }: Row['usage']): string =>
  `${quantity} in ${counted(readings, 'reading')} of ${period({ start: since, end: until })}`;

/** How many events of one type are shown. --json has all of them. */
const MAX_SHOWN = 5;

const eventNodes = (events: readonly Reference[]): Node[] =>
  [...Map.groupBy(events, ({ type }) => type)].flatMap(([type, group]) => [
    ...group.slice(0, MAX_SHOWN).map((event): Node => ({
      text: eventText(event),
      isEvidence: true,
      event: event.position,
    })),
    ...(group.length > MAX_SHOWN
      ? [
          {
            text: `… and ${group.length - MAX_SHOWN} more ${type}, up to position ${group.at(-1)?.position ?? ''}`,
            isEvidence: true,
          },
        ]
      : []),
  ]);

const eventText = ({ position, type, stream, revision, recordedAt, actor, reason, source }: Reference): string =>
  `event ${position}  ${type}  ${stream}#${revision}  ${recordedAt}  ${actor}` +
  `${after('  ', source?.file)}${after(': ', reason)}`;

const fileText = (file: FileRow | null): string => (file === null ? '' : `, ${file.file} row ${file.row}`);

const usedInNode = (used: readonly UsedIn[]): Node =>
  used.length === 0
    ? { text: 'not used in any issued invoice' }
    : {
        text: 'used in',
        below: used.map(({ number, invoiceId, net, rows }) => ({
          text: `${number ?? invoiceId}: ${net}`,
          below: rows.map((row) => ({
            text: `${row.billingKind} ${row.ref} ${period(row.chargePeriod)} ${row.kind} ${row.net}  row ${row.rowId}`,
          })),
        })),
      };

const period = ({ start, end }: { readonly start: string; readonly end: string }): string => `[${start}, ${end})`;
