import { Text } from '@mantine/core';
import { decimal, text } from '#domain/money/decimal';
import type { ReconciledBill } from '../../../../../clients/typescript/ledgerline.ts';
import { type FactChange, withdrawalOf } from '../../parts/change-fact.tsx';
import { Money } from '../../parts/states.tsx';
import type { Shown } from './figures.tsx';

const RECORDED = 'The total is recorded. The reconciliation compares the imported lines with it.';

/** The total of a provider's invoice is recorded or corrected. null: of an invoice that has no line yet. */
export function totalChange(bill: ReconciledBill | null, { month, currency }: Shown): FactChange {
  const stated = bill?.stated ?? null;
  const [provider, invoiceRef] = [bill?.provider, bill?.invoiceRef];
  return {
    title:
      bill === null
        ? 'Record the total of a provider’s invoice'
        : `${stated === null ? 'Record' : 'Correct'} the total of ${bill.invoiceRef}`,
    note: 'As the invoice on paper states it. The preview compares the imported lines with it.',
    fields: [
      ...(bill === null
        ? [
            { name: 'provider', label: 'Provider', value: '' },
            { name: 'invoiceRef', label: 'Invoice', value: '' },
          ]
        : []),
      { name: 'period', label: 'Month', value: stated?.period ?? month },
      { name: 'total', label: `Total with tax, in ${currency}`, value: stated?.total ?? '' },
      { name: 'tax', label: 'Tax in it', value: stated?.tax ?? '0' },
    ],
    margin: { month, currency },
    commandOf: ({ period = '', total = '', tax = '', ...names }, reason) => ({
      command: stated === null ? ('record-provider-total' as const) : ('correct-provider-total' as const),
      provider: provider ?? names['provider'] ?? '',
      invoiceRef: invoiceRef ?? names['invoiceRef'] ?? '',
      ...{ currency, period, total, tax, reason },
    }),
    show: (_, { total = '0' }) => (
      <Text>
        {'Imported lines '}
        <Money amount={bill?.total ?? '0'} currency={currency} />
        {', total '}
        <Money amount={total} currency={currency} />
        {', difference '}
        <Money amount={text(decimal(bill?.total ?? '0').minus(decimal(total)))} currency={currency} />.
      </Text>
    ),
    recorded: RECORDED,
  };
}

export const totalWithdrawal = ({ provider, invoiceRef }: ReconciledBill, { month, currency }: Shown): FactChange =>
  withdrawalOf(
    'record-provider-total',
    { provider, invoiceRef, currency },
    {
      ...{ noun: 'total', named: `the total of ${invoiceRef}`, margin: { month, currency } },
      note: 'The imported lines stay. They are no longer compared with a total.',
      show: () => <Text>The invoice would have no total.</Text>,
      recorded: 'The total is withdrawn.',
    },
  );
