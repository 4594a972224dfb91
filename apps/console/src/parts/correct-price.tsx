import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CorrectRate as Correction, Preview, Rate } from '../../../../clients/typescript/ledgerline.ts';
import { useSession } from '../session.tsx';
import { useSend } from './commands.tsx';
import { Failure, Money } from './states.tsx';
import { DataTable } from './table.tsx';

type Step =
  | { readonly is: 'asked'; readonly failure: Error | null }
  | { readonly is: 'working' }
  | { readonly is: 'previewed'; readonly preview: Preview; readonly failure: Error | null }
  | { readonly is: 'done'; readonly status: string };

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** A price in the past is corrected in three steps: what, what it would change in money, and then why. */
export function CorrectRate({ rate, close }: { readonly rate: Rate; readonly close: () => void }) {
  const { client } = useSession();
  const send = useSend();
  const [step, setStep] = useState<Step>({ is: 'asked', failure: null });
  const [unitPrice, setUnitPrice] = useState(rate.unitPrice);
  const [from, setFrom] = useState(rate.effectiveFrom);
  const [until, setUntil] = useState(rate.effectiveUntil ?? '');
  const [reason, setReason] = useState('');
  const { resourceType, resourceFamily, location, currency } = rate;
  const correction = (why: string): Correction => ({
    command: 'correct-rate',
    ...{ resourceType, resourceFamily, location, unitPrice },
    effectiveFrom: from,
    ...(until === '' ? {} : { effectiveUntil: until }),
    reason: why,
  });
  const preview = async (): Promise<void> => {
    setStep({ is: 'working' });
    try {
      const previewed = await client.preview({ commands: [correction('preview')] });
      const refused = previewed.commands.find(({ status }) => status === 'refused');
      const { error } = (refused ?? {}) as { readonly error?: { readonly message: string } };
      setStep(
        refused === undefined
          ? { is: 'previewed', preview: previewed, failure: null }
          : { is: 'asked', failure: new Error(error?.message ?? 'The correction is refused.') },
      );
    } catch (error) {
      setStep({ is: 'asked', failure: asError(error) });
    }
  };
  const apply = async (previewed: Preview): Promise<void> => {
    setStep({ is: 'working' });
    try {
      // A correction of what has changed since the preview is refused, and says so.
      const status = await send({ ...correction(reason), basedOn: previewed.position });
      setStep({ is: 'done', status });
    } catch (error) {
      setStep({ is: 'previewed', preview: previewed, failure: asError(error) });
    }
  };
  return (
    <Modal
      opened
      onClose={close}
      title={`Correct ${resourceType}/${resourceFamily}@${location}`}
      size="lg"
      lockScroll={false}
    >
      <Stack>
        <Group grow>
          <TextInput label={`Price in ${currency}`} value={unitPrice} onChange={changing(setUnitPrice)} />
          <TextInput label="From" value={from} onChange={changing(setFrom)} />
          <TextInput label="Until (empty: open)" value={until} onChange={changing(setUntil)} />
        </Group>
        {step.is === 'asked' && step.failure !== null && <Failure error={step.failure} />}
        {step.is === 'previewed' && (
          <>
            <Changes of={step.preview} currency={currency} />
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
            <Button variant="default" loading={step.is === 'working'} onClick={() => void preview()}>
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
    </Modal>
  );
}

const changing =
  (set: (value: string) => void) =>
  ({ currentTarget }: { readonly currentTarget: { readonly value: string } }): void => {
    set(currentTarget.value);
  };

function Changes({ of, currency }: { readonly of: Preview; readonly currency: string }) {
  return (
    <>
      <Text>
        {'In all '}
        {of.total === null ? 'several currencies' : <Money amount={of.total} currency={currency} />}
        {`, before tax, on ${of.lines.length} lines.`}
      </Text>
      <DataTable
        name="preview by tenant"
        rows={of.byTenant}
        keyOf={(each) => `${each.tenantId} ${each.currency}`}
        empty="No amount changes."
        columns={[
          { title: 'Tenant', value: ({ tenantId }) => tenantId },
          {
            title: 'Difference',
            value: ({ difference }) => difference,
            show: (each) => <Money amount={each.difference} currency={each.currency} />,
            isNumber: true,
          },
          {
            title: 'Tax',
            value: ({ taxDifference }) => taxDifference,
            show: (each) => <Money amount={each.taxDifference} currency={each.currency} />,
            isNumber: true,
          },
        ]}
      />
      <DataTable
        name="preview by invoice"
        rows={of.lines}
        keyOf={(each) => `${each.lineId} ${each.invoiceId}`}
        empty=""
        columns={[
          { title: 'Invoice', value: ({ number }) => number ?? 'open' },
          { title: 'Tenant', value: ({ tenantId }) => tenantId },
          { title: 'Before', value: ({ before }) => before, isNumber: true },
          { title: 'After', value: ({ after }) => after, isNumber: true },
          { title: 'Difference', value: ({ difference }) => difference, isNumber: true },
        ]}
      />
    </>
  );
}
