import { Button, SimpleGrid, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { decimal } from '#domain/money/decimal';
import type { KindMapping, MappingPreview } from '../../../../../clients/typescript/ledgerline.ts';
import { useList } from '../../answers.ts';
import { monthText } from '../../formats.ts';
import { useMoment } from '../../moment.ts';
import { correctionColumn, type FactChange, useFactChange, withdrawalOf } from '../../parts/change-fact.tsx';
import { useSend } from '../../parts/confirmation.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { changing, listIn } from '../../parts/inputs.ts';
import { PreviewedChange } from '../../parts/previewed-change.tsx';
import { DataTable, IN_FORCE, ListTable } from '../../parts/table.tsx';
import { useMay, useSession } from '../../session.tsx';
import type { Shown } from './figures.tsx';

/** Which billing kinds the cost of a provider's kind is for, over time. */
export function Mappings({ month, currency }: Shown) {
  const { asOf } = useMoment();
  const mayWrite = useMay('platform_admin') && asOf === undefined;
  const mappings = useList('kindMappings', {});
  const [asked, setAsked] = useState<{ readonly of: KindMapping | null } | null>(null);
  const { ask, dialog } = useFactChange();
  return (
    <>
      <Text size="sm" mb="xs">
        A mapping says which billing kinds the cost of a provider’s kind is for. Kinds of the inventory need none.
      </Text>
      {mayWrite && (
        <Button
          mb="xs"
          onClick={() => {
            setAsked({ of: null });
          }}
        >
          Map a kind
        </Button>
      )}
      <ListTable
        name="mappings of kinds"
        list={mappings}
        keyOf={({ provider, kind, effectiveFrom }) => `${provider} ${kind} ${effectiveFrom}`}
        empty="No kind is mapped."
        columns={[
          { title: 'Provider', value: ({ provider }) => provider },
          { title: 'Kind of the provider', value: ({ kind }) => kind },
          { title: 'Billing kinds', value: ({ billingKinds }) => billingKinds.join(', ') },
          IN_FORCE,
          ...(mayWrite
            ? [
                correctionColumn(
                  ({ provider, kind, effectiveFrom }: KindMapping) => `${provider} ${kind} from ${effectiveFrom}`,
                  {
                    correct: (of) => {
                      setAsked({ of });
                    },
                    withdraw: (mapping) => {
                      ask(mappingWithdrawal(mapping, { month, currency }));
                    },
                  },
                ),
              ]
            : []),
        ]}
      />
      {asked !== null && (
        <SetMapping
          of={asked.of}
          month={month}
          currency={currency}
          close={() => {
            setAsked(null);
          }}
        />
      )}
      {dialog}
    </>
  );
}

const mappingWithdrawal = ({ provider, kind, effectiveFrom }: KindMapping, margin: Shown): FactChange =>
  withdrawalOf(
    'set-kind-mapping',
    { provider, kind, effectiveFrom },
    {
      ...{ noun: 'mapping', named: `the mapping of ${kind}`, margin },
      note: 'No margin changes, only what its cost is for.',
      recorded: 'The mapping is withdrawn.',
    },
  );

interface Asked extends Shown {
  /** The mapping that is corrected. null: one is set. */
  readonly of: KindMapping | null;
  readonly close: () => void;
}

/** A mapping is set or corrected after a preview. */
function SetMapping({ of, month, currency, close }: Asked) {
  const { client } = useSession();
  const send = useSend();
  const [provider, setProvider] = useState(of?.provider ?? '');
  const [kind, setKind] = useState(of?.kind ?? '');
  const [billingKinds, setBillingKinds] = useState(of?.billingKinds.join(', ') ?? '');
  const [from, setFrom] = useState(of?.effectiveFrom ?? `${month}-01T00:00:00Z`);
  const [until, setUntil] = useState(of?.effectiveUntil ?? '');
  const terms = {
    ...{ provider: provider.trim(), kind: kind.trim() },
    billingKinds: listIn(billingKinds),
    effectiveFrom: from.trim(),
    ...(until.trim() === '' ? {} : { effectiveUntil: until.trim() }),
  };
  return (
    <Dialog
      close={close}
      title={of === null ? 'Map a kind of a provider' : `Correct the mapping of ${of.kind}`}
      size="lg"
    >
      <PreviewedChange
        fields={
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <TextInput
              label="Provider"
              required
              readOnly={of !== null}
              value={provider}
              onChange={changing(setProvider)}
            />
            <TextInput
              label="Kind of the provider"
              required
              readOnly={of !== null}
              value={kind}
              onChange={changing(setKind)}
            />
            <TextInput
              label="Billing kinds, with commas between"
              required
              value={billingKinds}
              onChange={changing(setBillingKinds)}
            />
            <TextInput label="From" value={from} onChange={changing(setFrom)} />
            <TextInput label="Until (empty: open)" value={until} onChange={changing(setUntil)} />
          </SimpleGrid>
        }
        stated={JSON.stringify(terms)}
        preview={async () => client.kindMappingPreview({ ...terms, currency })}
        show={(preview) => <MappingChanges of={preview} />}
        apply={async ({ position }, reason) =>
          send(
            of === null
              ? { command: 'set-kind-mapping', ...terms, reason }
              : { command: 'correct-kind-mapping', ...terms, reason, basedOn: position },
          )
        }
        recorded="The mapping is recorded."
      />
    </Dialog>
  );
}

/** The cost of each billing kind and month, before and after. */
function MappingChanges({ of: { months, currency } }: { readonly of: MappingPreview }) {
  const rows = months.flatMap(({ month, before, after }) => {
    const costOf = (of: typeof before, name: string): string =>
      of.byKind.find(({ billingKind }) => billingKind === name)?.cogs ?? '0';
    return [
      ...[...new Set([...before.byKind, ...after.byKind].map(({ billingKind }) => billingKind))]
        .sort()
        .map((name) => ({ month, name, before: costOf(before, name), after: costOf(after, name) })),
      { month, name: 'not mapped', before: before.unmapped.cogs, after: after.unmapped.cogs },
    ];
  });
  return (
    <DataTable
      name="cost by billing kind before and after"
      rows={rows.filter((row) => !decimal(row.before).eq(decimal(row.after)))}
      keyOf={({ month, name }) => `${month} ${name}`}
      empty="The cost of no billing kind changes."
      columns={[
        { title: 'Month', value: ({ month }) => month, show: ({ month }) => monthText(month) },
        { title: 'Billing kind', value: ({ name }) => name },
        { title: 'Cost before', value: (row) => row.before, currency },
        { title: 'Cost after', value: (row) => row.after, currency },
      ]}
    />
  );
}
