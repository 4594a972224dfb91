import { Button, Group, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Command, Preview } from '../../../../clients/typescript/ledgerline.ts';
import type { Amount } from '../prices.ts';
import { Changes } from './changes.tsx';
import { useSend } from './confirmation.tsx';
import { AmountFields, type ShownMargin, usePreview } from './correct.tsx';
import { Dialog } from './dialog.tsx';
import { PreviewedChange } from './previewed-change.tsx';

type Values = Readonly<Record<string, string>>;

/** A fact that is set, corrected or withdrawn, and what is asked for. */
export interface FactChange {
  readonly title: string;
  readonly note?: string;
  /** What the fields begin with. None: the change needs no more than a reason. */
  readonly fields: readonly Amount[];
  /** Which fields are shown for what was chosen. Default: all. */
  readonly isShown?: (name: string, values: Values) => boolean;
  /** The margin that the preview shows. null: none. */
  readonly margin: ShownMargin | null;
  readonly commandOf: (values: Values, reason: string) => Command;
  /** What the preview shows. Default: all that it has. */
  readonly show?: (preview: Preview, values: Values) => ReactNode;
  readonly recorded: string;
}

/** What is withdrawn, in words: `noun` in the note, `named` in the title, such as `the budget seats`. */
interface Withdrawn extends Pick<FactChange, 'margin' | 'show' | 'recorded' | 'note'> {
  readonly noun: string;
  readonly named: string;
}

/** What the command `what` recorded under `key` is withdrawn. The note says what stays, and then what is given. */
export const withdrawalOf = (
  what: string,
  key: Readonly<Record<string, string>> & { readonly effectiveFrom?: string },
  { noun, named, note, ...shown }: Withdrawn,
): FactChange => ({
  ...shown,
  title: `Withdraw ${named}`,
  note: [
    ...(key.effectiveFrom === undefined
      ? []
      : [`The ${noun} as it was set from ${key.effectiveFrom} on. What was corrected since stays.`]),
    ...(note === undefined ? [] : [note]),
  ].join(' '),
  fields: [],
  commandOf: (_, reason) => ({ command: 'withdraw', what, reason, ...key }),
});

/** A fact is changed after a preview, with a reason. */
function ChangeFact({ of, close }: { readonly of: FactChange; readonly close: () => void }) {
  const send = useSend();
  const preview = usePreview();
  const [given, setGiven] = useState<Values>({});
  const all: Values = { ...Object.fromEntries(of.fields.map(({ name, value }) => [name, value])), ...given };
  const shown = of.fields.filter(({ name }) => of.isShown?.(name, all) ?? true);
  const values: Values = Object.fromEntries(shown.map(({ name }) => [name, (all[name] ?? '').trim()]));
  return (
    <Dialog close={close} title={of.title} size="lg">
      <PreviewedChange
        fields={
          <>
            {of.note !== undefined && <Text size="sm">{of.note}</Text>}
            <AmountFields amounts={shown} told={given} tell={setGiven} />
          </>
        }
        stated={JSON.stringify(values)}
        preview={async () => preview(of.commandOf(values, 'preview'), of.margin)}
        show={(previewed) => of.show?.(previewed, values) ?? <Changes of={previewed} />}
        apply={async ({ position }, reason) => send(basedOn(of.commandOf(values, reason), position))}
        recorded={of.recorded}
      />
    </Dialog>
  );
}

/** Changes of facts, one at a time: `ask` opens the dialog of one. */
export function useFactChange(): { readonly ask: (change: FactChange) => void; readonly dialog: ReactNode } {
  const [asked, setAsked] = useState<FactChange | null>(null);
  const close = (): void => {
    setAsked(null);
  };
  return { ask: setAsked, dialog: asked === null ? null : <ChangeFact of={asked} close={close} /> };
}

/** What corrects or withdraws is refused if the same was changed since its preview. */
const basedOn = (command: Command, position: number): Command =>
  command.command.startsWith('correct-') || command.command === 'withdraw'
    ? ({ ...command, basedOn: position } as Command)
    : command;

/** The fields of a period. */
export const periodFields = (of: {
  readonly effectiveFrom: string;
  readonly effectiveUntil: string | null;
}): Amount[] => [
  { name: 'from', label: 'From', value: of.effectiveFrom },
  { name: 'until', label: 'Until (empty: open)', value: of.effectiveUntil ?? '' },
];

export const periodIn = ({ from = '', until = '' }: Values) => ({
  effectiveFrom: from,
  ...(until === '' ? {} : { effectiveUntil: until }),
});

/** What is not left empty. */
export const given = <Name extends string>(values: Values, ...names: readonly Name[]): { [name in Name]?: string } =>
  Object.fromEntries(names.flatMap((name) => ((values[name] ?? '') === '' ? [] : [[name, values[name]]]))) as {
    [name in Name]?: string;
  };

export type RowAction = readonly [title: string, act: () => void];

/** The column of what can be done with a row. `named`: the row, for those who do not see it. */
export const changeColumn = <Row,>(named: (row: Row) => string, actionsOf: (row: Row) => readonly RowAction[]) => ({
  title: 'Change',
  value: () => null,
  show: (row: Row) => <RowActions named={named(row)} actions={actionsOf(row)} />,
});

/** The same for a fact that is corrected or withdrawn. */
export const correctionColumn = <Row,>(
  named: (row: Row) => string,
  { correct, withdraw }: { readonly correct: (row: Row) => void; readonly withdraw: (row: Row) => void },
) =>
  changeColumn(named, (row: Row) => [
    [
      'Correct',
      () => {
        correct(row);
      },
    ],
    [
      'Withdraw',
      () => {
        withdraw(row);
      },
    ],
  ]);

function RowActions({ named, actions }: { readonly named: string; readonly actions: readonly RowAction[] }) {
  return (
    <Group gap={4} wrap="nowrap">
      {actions.map(([title, act]) => (
        <Button key={title} size="compact-xs" variant="default" aria-label={`${title} ${named}`} onClick={act}>
          {title}
        </Button>
      ))}
    </Group>
  );
}
