import { FIRST_ITEMS, moreThan } from '../parts/growing.ts';
import { Button, Group, List, Text } from '@mantine/core';
import { createContext, type ReactNode, useContext, useState } from 'react';
import { isUuid } from '#domain/uuid';
import type {
  EventReference,
  Explained as Answer,
  ExplainedDocument,
  ExplainedRow,
  UsedIn,
} from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../answers.ts';
import { instantText, periodText, quantityText } from '../formats.ts';
import { isPosition, useMoment, useNamed } from '../moment.ts';
import { Answered, Failure, Page, When } from '../parts/states.tsx';
import { Fields } from '../parts/fields.tsx';
import { To } from '../parts/table.tsx';

/** Asks for so many of each list that is not there yet. What is shown of each is its own matter. */
const AskFor = createContext<(first: number) => void>(() => undefined);

/** Why an amount is what it is: arithmetic first, then usage, price, events, and the file and row of each. */
export function Explanation() {
  const id = useNamed();
  const { asOf = 'now' } = useMoment();
  return <Explained key={`${asOf} ${id}`} id={id} />;
}

/** How many are asked for, and what asks for more. */
function useFirst(): readonly [first: number, askFor: (first: number) => void] {
  const [first, setFirst] = useState(FIRST_ITEMS);
  return [
    first,
    (next) => {
      setFirst(Math.max(first, next));
    },
  ];
}

/** A UUID tells a person nothing. */
const titleOf = (id: string): string => (isPosition(id) ? `the event at position ${id}` : id);

function Explained({ id }: { readonly id: string }) {
  const [first, askFor] = useFirst();
  const explained = useAnswer('explain', { id, first }, { grows: true });
  return (
    <Page title={isUuid(id) ? 'Explanation' : `Explanation of ${titleOf(id)}`}>
      <AskFor value={askFor}>
        <Answered answer={explained}>{(data) => <Tree of={data} />}</Answered>
      </AskFor>
    </Page>
  );
}

/** The first items of a list, and more when asked. `all`: how many there are. */
function Shown<Item>({
  of,
  all,
  what,
  children,
}: {
  readonly of: readonly Item[];
  readonly all: number;
  readonly what: string;
  readonly children: (items: readonly Item[]) => ReactNode;
}) {
  const askFor = useContext(AskFor);
  const [most, setMost] = useState(FIRST_ITEMS);
  const items = of.slice(0, most);
  return (
    <>
      {children(items)}
      {items.length < all && (
        <Group gap="xs" my="xs">
          <Text size="sm">{`${quantityText(String(items.length))} of ${quantityText(String(all))} ${what}`}</Text>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Show more ${what}`}
            onClick={() => {
              const next = moreThan(most);
              setMost(next);
              askFor(next);
            }}
          >
            Show more
          </Button>
        </Group>
      )}
    </>
  );
}

function Tree({ of }: { readonly of: Answer }) {
  return <div className="tree">{contentsOf(of)}</div>;
}

function contentsOf(of: Answer): ReactNode {
  switch (of.is) {
    case 'issued':
    case 'draft':
      return (
        <>
          {of.documents.map((each) => (
            <Document key={each.documentId} of={each} />
          ))}
          <Shown of={of.rows} all={of.rowCount} what="rows">
            {(rows) => rows.map((each) => <Row key={each.row.rowId ?? each.arithmetic} of={each} />)}
          </Shown>
        </>
      );
    case 'open line':
      return (
        <Branch title={`${of.billingKind}, ${periodText(of.period)}, not billed yet`} isOpen>
          {of.quarantine !== null && <Text c="red">{of.quarantine}</Text>}
          {of.parts.flatMap(({ partId, rows }) =>
            rows.map((row, index) => (
              <Text key={`${partId} ${index}`}>{row.arithmetic ?? `${row.ref}: ${row.net}`}</Text>
            )),
          )}
          <Text size="sm">{`${of.usage.readings} readings, ${quantityText(of.usage.quantity)} in all`}</Text>
          <Events of={of.events} all={of.eventCount} />
        </Branch>
      );
    case 'usage record':
      return (
        <>
          {of.versions.map((each, index) => (
            <Branch
              key={each.event?.eventId ?? index}
              title={`${quantityText(each.quantity)} ${each.billingKind}${each.isInForce ? '' : ' (replaced)'}`}
              isOpen
            >
              <Text size="sm">{`${each.deploymentId}, ${each.resourceId}, ${periodText(each.period)}`}</Text>
              {each.file !== null && <Text size="sm">{`${each.file.file}, row ${each.file.row}`}</Text>}
              <Events of={each.event === null ? [] : [each.event]} />
            </Branch>
          ))}
          <Uses of={of.usedIn} all={of.usedInCount} />
        </>
      );
    case 'margin':
      return (
        <Branch title={of.arithmetic} isOpen>
          <Branch title={`Revenue: ${of.revenueCount} amounts`}>
            <Shown of={of.revenue} all={of.revenueCount} what="amounts">
              {(amounts) =>
                amounts.map((each, index) => (
                  <Text key={index} size="sm">
                    <To path={`/invoices/${each.number ?? each.invoiceId}`}>{each.number ?? each.invoiceId}</To>
                    {` ${each.deploymentId} ${each.billingKind} ${each.amount}`}
                  </Text>
                ))
              }
            </Shown>
          </Branch>
          <Branch title={`Cost: ${of.costCount} lines`}>
            <Shown of={of.costs} all={of.costCount} what="cost lines">
              {(lines) =>
                lines.map((each, index) => (
                  <Text key={index} size="sm">
                    {`${each.costLine} ${each.kind} ${each.amount}`}
                    {each.sharedBy === null ? '' : `, shared by ${each.sharedBy}`}
                    {each.remainderOf === null ? '' : `, idle: remainder of the pool of ${each.remainderOf}`}
                    {each.file === null ? '' : ` (${each.file.file}, row ${each.file.row})`}
                  </Text>
                ))
              }
            </Shown>
          </Branch>
          {of.shared.map((each) => (
            <Branch
              key={`${each.policyId} ${each.effectiveFrom}`}
              title={`Shared by ${each.policyId}: ${each.arithmetic ?? each.amount}`}
            >
              <Shown of={each.parts} all={each.partCount} what={`parts of ${each.policyId}`}>
                {(parts) =>
                  parts.map((part, index) => (
                    <Text key={index} size="sm">
                      {`${part.deploymentId ?? part.tenantId ?? 'no tenant'} ${part.amount}`}
                    </Text>
                  ))
                }
              </Shown>
              <Events of={each.event === null ? [] : [each.event]} />
            </Branch>
          ))}
        </Branch>
      );
    case 'event':
      return (
        <Branch title={`${of.event.type} at position ${of.event.position}`} isOpen>
          <Events of={[of.event]} />
          <Fields of={of.event.data} />
          <Uses of={of.usedIn ?? []} all={of.usedInCount} />
          {of.margin.map((each) => (
            <To key={each} path={`/explain/${encodeURIComponent(each)}`}>
              {each}
            </To>
          ))}
        </Branch>
      );
  }
}

function Branch({ title, isOpen, children }: { title: ReactNode; isOpen?: boolean; children: ReactNode }) {
  return (
    <details open={isOpen ?? false}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

function Document({ of }: { readonly of: ExplainedDocument }) {
  return (
    <Branch title={`${of.number ?? 'Draft'}: ${of.arithmetic}`} isOpen>
      {of.reason !== null && <Text size="sm">{of.reason}</Text>}
      <Text size="sm">
        <To path={`/invoices/${of.number ?? of.documentId}`}>open the invoice</To>
      </Text>
      <Events of={of.events} />
    </Branch>
  );
}

/** More of a row's own lists is asked for by the row's id, without the other rows. A draft's rows have none. */
function Row({ of }: { readonly of: ExplainedRow }) {
  const { rowId } = of.row;
  const askPage = useContext(AskFor);
  const [first, askFor] = useFirst();
  const { data, error, refetch } = useAnswer(
    'explain',
    rowId === undefined || first === FIRST_ITEMS ? null : { id: rowId, first },
    {
      grows: true,
    },
  );
  const own = data?.is === 'issued' ? data.rows.find(({ row }) => row.rowId === rowId) : undefined;
  return (
    <AskFor value={rowId === undefined ? askPage : askFor}>
      {error !== null && <Failure error={error} retry={() => void refetch()} />}
      <RowTree of={own ?? of} />
    </AskFor>
  );
}

function RowTree({ of }: { readonly of: ExplainedRow }) {
  const { row, price, usage } = of;
  return (
    <Branch title={`${row.billingKind}: ${of.arithmetic}`} isOpen>
      <Text size="sm">{of.tax}</Text>
      <Branch title={`Usage: ${usage.readings} readings, ${quantityText(usage.quantity)}`}>
        <Text size="sm">
          {`${row.deploymentId}, from ${instantText(usage.since)} until ${instantText(usage.until)} UTC. `}
          <To path={`/usage?${usedIn(row.deploymentId, usage.since)}`}>records</To>
        </Text>
      </Branch>
      {of.pool !== null && (
        <Branch title="Included units that one payer's subscriptions share" isOpen>
          <Text size="sm">
            {`${quantityText(of.pool.included)} included, ${quantityText(of.pool.used)} used. ` +
              `${quantityText(of.pool.unused)} unused, ${quantityText(of.pool.excess)} needed beyond the included. ` +
              `${quantityText(of.pool.share)} given here.`}
          </Text>
          {of.pool.members.map(({ lineId, tenantId, included, used, share }) => (
            <Text key={lineId} size="sm">
              <To path={`/explain/${lineId}`}>{tenantId}</To>
              {`: ${quantityText(included)} included, ${quantityText(used)} used`}
              {share === '0' ? '' : `, ${quantityText(share)} from the others`}
            </Text>
          ))}
        </Branch>
      )}
      {of.counted.length > 0 && (
        <Branch title="Drawn down by" isOpen>
          {of.counted.map(({ lineId, billingKind, period, net }) => (
            <Text key={lineId} size="sm">
              <To path={`/explain/${lineId}`}>{`${billingKind} from ${period.start.slice(0, 10)}: ${net}`}</To>
            </Text>
          ))}
        </Branch>
      )}
      <Branch title={`Price: ${price.amount}, ${price.rateKey ?? `plan ${price.planId}`}`}>
        <Text size="sm">
          {'in force from '}
          <When at={price.effectiveFrom} />
        </Text>
        {price.setBy !== null && (
          <Text size="sm">
            {`set at position ${price.setBy.position}`}
            {price.setBy.reason === null ? '' : `: ${price.setBy.reason}`}
          </Text>
        )}
        {of.rates.map((rate) => (
          <Text key={`${rate.resourceType} ${rate.effectiveFrom}`} size="sm">
            {`${rate.resourceType}/${rate.resourceFamily}@${rate.location}: ${rate.unitPrice} `}
            {'from '}
            <When at={rate.effectiveFrom} />
          </Text>
        ))}
      </Branch>
      {(['corrects', 'correctedBy'] as const).map(
        (relation) =>
          of[relation].length > 0 && (
            <Branch key={relation} title={relation === 'corrects' ? 'Corrects' : 'Corrected by'} isOpen>
              {of[relation].map(({ rowId, number, kind }) => (
                <Text key={rowId} size="sm">
                  <To path={`/explain/${rowId}`}>{`${kind} on ${number ?? 'a draft'}`}</To>
                </Text>
              ))}
            </Branch>
          ),
      )}
      {of.because.length > 0 && (
        <Branch title="Because of" isOpen>
          <Events of={of.because} all={of.becauseCount} />
        </Branch>
      )}
      {of.events.length > 0 && (
        <Branch title={`Events: ${of.eventCount}`}>
          <Events of={of.events} all={of.eventCount} />
        </Branch>
      )}
    </Branch>
  );
}

/** What the page Usage is asked for: a deployment in the month of an instant. */
const usedIn = (deployment: string | null, since: string): string =>
  new URLSearchParams({ ...(deployment === null ? {} : { deployment }), month: since.slice(0, 7) }).toString();

/** A tenant sees none. */
function Events({ of, all = of.length }: { readonly of: readonly EventReference[]; readonly all?: number }) {
  if (of.length === 0) return null;
  return (
    <Shown of={of} all={all} what="events">
      {(events) => (
        <List size="sm">
          {events.map((each) => (
            <List.Item key={each.eventId}>
              <To path={`/explain/${each.position}`}>{`${each.position} ${each.type}`}</To>
              {` by ${each.actor}, recorded `}
              <When at={each.recordedAt} />
              {each.reason === null ? '' : `, because: ${each.reason}`}
              {each.source === null ? '' : `, from ${each.source.file}, rows ${each.source.rows}`}
            </List.Item>
          ))}
        </List>
      )}
    </Shown>
  );
}

function Uses({ of, all }: { readonly of: readonly UsedIn[]; readonly all: number }) {
  if (of.length === 0) return <Text size="sm">No invoice uses it.</Text>;
  return (
    <Branch title="Used in" isOpen>
      <Shown of={of} all={all} what="invoices">
        {(invoices) =>
          invoices.map(({ invoiceId, number, net, rows, rowCount }) => (
            <Text key={invoiceId} size="sm" component="div">
              <To path={`/invoices/${number ?? invoiceId}`}>{number ?? invoiceId}</To>
              {`: ${net} in `}
              <Shown of={rows} all={rowCount} what={`rows of ${number ?? 'a draft'}`}>
                {(those) =>
                  those.map(({ rowId }) => (
                    <To key={rowId} path={`/explain/${rowId}`}>
                      {rowId.slice(0, 8)}{' '}
                    </To>
                  ))
                }
              </Shown>
            </Text>
          ))
        }
      </Shown>
    </Branch>
  );
}
