import { Alert, Button, Group, Select, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Preview } from '../../../../clients/typescript/ledgerline.ts';
import type { Amount, Correctable } from '../prices.ts';
import { useSession } from '../session.tsx';
import { useSend } from './confirmation.tsx';
import { Changes } from './changes.tsx';
import { Failure, Refused } from './states.tsx';
import { Dialog } from './dialog.tsx';
import { changing } from './inputs.ts';

type Step =
  | { readonly is: 'asked'; readonly failure: Error | null }
  | { readonly is: 'working' }
  | { readonly is: 'previewed'; readonly preview: Preview; readonly failure: Error | null }
  | { readonly is: 'done'; readonly status: string };

/** A fact in the past is corrected in three steps: what, what it would change in money, and then why. */
export function Correct({ of, close }: { readonly of: Correctable; readonly close: () => void }) {
  const send = useSend();
  const preview = usePreview();
  const [step, setStep] = useState<Step>({ is: 'asked', failure: null });
  const [amounts, setAmounts] = useState<Readonly<Record<string, string>>>({});
  const [from, setFrom] = useState(of.within?.from ?? '');
  const [until, setUntil] = useState(of.within?.until ?? '');
  const [reason, setReason] = useState('');
  const correction = (why: string) => of.commandOf({ amounts, from, until: until === '' ? null : until, reason: why });
  const look = async (): Promise<void> => {
    setStep({ is: 'working' });
    try {
      setStep({
        is: 'previewed',
        preview: await preview(correction('preview'), of.month ?? from.slice(0, 7)),
        failure: null,
      });
    } catch (error) {
      setStep({ is: 'asked', failure: errorOf(error) });
    }
  };
  const apply = async (previewed: Preview): Promise<void> => {
    setStep({ is: 'working' });
    try {
      // A correction of what has changed since the preview is refused, and says so.
      const status = await send({ ...correction(reason), basedOn: previewed.position });
      setStep({ is: 'done', status });
    } catch (error) {
      setStep({ is: 'previewed', preview: previewed, failure: errorOf(error) });
    }
  };
  return (
    <Dialog close={close} title={`Correct ${of.title}`} size="lg">
      <Stack>
        <AmountFields amounts={of.amounts} told={amounts} tell={setAmounts} />
        {of.within !== null && (
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <TextInput label="From" value={from} onChange={changing(setFrom)} />
            <TextInput label="Until (empty: open)" value={until} onChange={changing(setUntil)} />
          </SimpleGrid>
        )}
        {step.is === 'asked' && step.failure !== null && <Failure error={step.failure} />}
        {step.is === 'previewed' && (
          <>
            <Changes of={step.preview} />
            {step.failure !== null && <Failure error={step.failure} />}
            <TextInput label="Reason" required value={reason} onChange={changing(setReason)} />
          </>
        )}
        {step.is === 'done' ? (
          <Alert color={step.status === 'proposed' ? 'orange' : 'green'} title={step.status} role="status">
            {step.status === 'proposed'
              ? 'The change is above the limit for one person. Someone else approves it under Settings.'
              : 'The correction is recorded. The next invoices book the difference.'}
          </Alert>
        ) : (
          <Group>
            <Button variant="default" loading={step.is === 'working'} onClick={() => void look()}>
              Preview in money
            </Button>
            {step.is === 'previewed' && (
              <Button disabled={reason.trim() === ''} onClick={() => void apply(step.preview)}>
                Apply
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Dialog>
  );
}

/** Asks what a correction would change, also in the margin of a month for who may see it. Errors: why it is refused. */
export function usePreview(): (command: ReturnType<Correctable['commandOf']>, month: string) => Promise<Preview> {
  const { client, role } = useSession();
  return async (command, month) => {
    const isMonth = /^\d{4}-\d{2}$/.test(month);
    const previewed = await client.preview({
      commands: [command],
      ...(role === 'platform_admin' && isMonth ? { period: month } : {}),
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
