import { Select, SimpleGrid, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Command, Preview } from '../../../../clients/typescript/ledgerline.ts';
import type { Amount, Correctable } from '../prices.ts';
import { useSession } from '../session.tsx';
import { useSend } from './confirmation.tsx';
import { Changes } from './changes.tsx';
import { PreviewedChange } from './previewed-change.tsx';
import { Refused } from './states.tsx';
import { Dialog } from './dialog.tsx';
import { isMonthText } from '../formats.ts';
import { changing } from './inputs.ts';

/** A fact in the past is corrected after a preview. */
export function Correct({ of, close }: { readonly of: Correctable; readonly close: () => void }) {
  const send = useSend();
  const preview = usePreview();
  const [amounts, setAmounts] = useState<Readonly<Record<string, string>>>({});
  const [from, setFrom] = useState(of.within?.from ?? '');
  const [until, setUntil] = useState(of.within?.until ?? '');
  const correction = (why: string) => of.commandOf({ amounts, from, until: until === '' ? null : until, reason: why });
  return (
    <Dialog close={close} title={`Correct ${of.title}`} size="lg">
      <PreviewedChange
        fields={
          <>
            <AmountFields amounts={of.amounts} told={amounts} tell={setAmounts} />
            {of.within !== null && (
              <SimpleGrid cols={{ base: 1, sm: 2 }}>
                <TextInput label="From" value={from} onChange={changing(setFrom)} />
                <TextInput label="Until (empty: open)" value={until} onChange={changing(setUntil)} />
              </SimpleGrid>
            )}
          </>
        }
        stated={JSON.stringify(correction(''))}
        preview={async () =>
          preview(correction('preview'), { month: of.month ?? from.slice(0, 7), currency: of.currency })
        }
        show={(previewed) => <Changes of={previewed} />}
        // A correction of what has changed since the preview is refused, and says so.
        apply={async ({ position }, reason) => send({ ...correction(reason), basedOn: position })}
        recorded="The correction is recorded. The next invoices book the difference."
      />
    </Dialog>
  );
}

/** The margin that a preview shows to those who may see it. */
export interface ShownMargin {
  /** 2026-04. Other text: no margin is shown. */
  readonly month: string;
  /** undefined: the currency that the API chooses. */
  readonly currency: string | undefined;
}

/** Asks what a command would change, also in a margin (null: in none). Errors: why it is refused. */
export function usePreview(): (command: Command, margin: ShownMargin | null) => Promise<Preview> {
  const { client, role } = useSession();
  return async (command, margin) => {
    const isShown = margin !== null && role === 'platform_admin' && isMonthText(margin.month);
    const previewed = await client.preview({
      commands: [command],
      ...(isShown ? { period: margin.month } : {}),
      ...(isShown && margin.currency !== undefined ? { currency: margin.currency } : {}),
    });
    const refused = previewed.commands.find(({ status }) => status === 'refused');
    if (refused === undefined) return previewed;
    const { error } = refused as { readonly error?: { readonly message: string } };
    throw new Refused(error?.message ?? 'The correction is refused.');
  };
}

export function AmountFields({
  amounts,
  told,
  tell,
}: {
  readonly amounts: readonly Amount[];
  readonly told: Readonly<Record<string, string>>;
  readonly tell: (told: Readonly<Record<string, string>>) => void;
}) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {amounts.map(({ name, label, value, choices }) =>
        choices === undefined ? (
          <TextInput
            key={name}
            label={label}
            value={told[name] ?? value}
            onChange={changing((next) => {
              tell({ ...told, [name]: next });
            })}
          />
        ) : (
          <Select
            key={name}
            label={label}
            allowDeselect={false}
            data={[...choices]}
            value={told[name] ?? value}
            onChange={(next) => {
              tell({ ...told, [name]: next ?? value });
            }}
          />
        ),
      )}
    </SimpleGrid>
  );
}
