import { Group, Stack, Text } from '@mantine/core';
import type {
  KindCost,
  KindRealisation,
  KindUnits,
  MarginUnits,
  PriceRealisation,
} from '../../../../../clients/typescript/ledgerline.ts';
import { useAnswer } from '../../answers.ts';
import { isMonthText, isZero, monthText, quantityText } from '../../formats.ts';
import { useParam } from '../../moment.ts';
import { MonthInput } from '../../parts/month-input.tsx';
import { Answered, Figure, Figures, Section } from '../../parts/states.tsx';
import { DataTable, QUANTITY } from '../../parts/table.tsx';
import { figureColumns, hasShared, type Shown } from './figures.tsx';
import { IdleParts } from './idle.tsx';
import { Mappings } from './mappings.tsx';

/** What a unit of each billing kind earns and costs, and why less is billed than its list price. */
export function Units({ month, currency }: Shown) {
  const [from, setFrom] = useParam('from', month);
  const question = isMonthText(from) ? { from, to: month, currency } : null;
  const units = useAnswer('marginUnits', question);
  const realisation = useAnswer('priceRealisation', question);
  const span = !isMonthText(from) || from === month ? monthText(month) : `${monthText(from)} to ${monthText(month)}`;
  return (
    <Stack>
      <Group>
        <MonthInput label="From" month={from} set={setFrom} />
      </Group>
      {question !== null && (
        <>
          <Section title={`Units, ${span}`}>
            <Answered answer={units}>{(of) => <ByKind of={of} />}</Answered>
          </Section>
          <Section title="Kinds of providers">
            <Mappings month={month} currency={currency} />
          </Section>
          <Section title={`Price realisation, ${span}`}>
            <Answered answer={realisation}>{(of) => <Realised of={of} />}</Answered>
          </Section>
        </>
      )}
    </Stack>
  );
}

function ByKind({ of }: { readonly of: MarginUnits }) {
  const { currency, byKind, unmapped, idle, unattributed, costs } = of;
  const unknown = costs.filter(({ billingKind }) => billingKind === null);
  return (
    <Stack>
      <Figures
        of={[
          ['Cost not mapped to a kind', unmapped.cogs],
          ['Idle cost', idle.cogs],
          ['Other cost of no tenant', unattributed.cogs],
        ]}
        currency={currency}
      />
      <DataTable
        name="margin by billing kind"
        rows={byKind}
        keyOf={({ billingKind }) => billingKind}
        inner={({ billingKind }) => (
          <Costs
            name={`cost of ${billingKind}`}
            rows={costs.filter((each) => each.billingKind === billingKind)}
            currency={currency}
          />
        )}
        empty="No billing kind had revenue or cost. Issue invoices, and import the provider's bill."
        columns={[
          { title: 'Billing kind', value: (each) => each.billingKind },
          {
            title: 'Metered',
            value: (each) => each.meteredQuantity,
            show: ({ meteredQuantity }) => counted(meteredQuantity),
            isNumber: true,
          },
          { title: 'Unit', value: (each) => each.meteredUnit },
          { title: 'Revenue per metered unit', value: (each: KindUnits) => each.revenuePerMeteredUnit, currency },
          { title: 'Cost per metered unit', value: (each: KindUnits) => each.cogsPerMeteredUnit, currency },
          { title: 'Margin per metered unit', value: (each: KindUnits) => each.marginPerMeteredUnit, currency },
          {
            title: 'Billed',
            value: (each) => each.billedQuantity,
            show: ({ billedQuantity }) => counted(billedQuantity),
            isNumber: true,
          },
          { title: 'Revenue per billed unit', value: (each: KindUnits) => each.revenuePerBilledUnit, currency },
          ...figureColumns(currency, hasShared(byKind)),
        ]}
      />
      {unknown.length > 0 && (
        <>
          <Text size="sm">
            Kinds of providers that are not mapped: say under Kinds of providers which billing kinds their cost is for.
          </Text>
          <Costs name="kinds that are not mapped" rows={unknown} currency={currency} />
        </>
      )}
      {idle.parts.length > 0 && (
        <>
          <Text size="sm">
            Idle cost: of resources that were off or in no deployment, and of pools that nobody used.
          </Text>
          <IdleParts parts={idle.parts} currency={currency} />
        </>
      )}
    </Stack>
  );
}

const counted = (quantity: string | null): string => (quantity === null ? 'several units' : quantityText(quantity));

const BASES: Readonly<Record<NonNullable<KindCost['basis']>, string>> = {
  only: 'mapped to this billing kind alone',
  usage: 'by the use of its resources',
  even: 'evenly: its resource is unknown or unused',
};

function Costs({
  name,
  rows,
  currency,
}: {
  readonly name: string;
  readonly rows: readonly KindCost[];
  readonly currency: string;
}) {
  return (
    <DataTable
      name={name}
      rows={rows}
      keyOf={({ provider, kind, basis }) => JSON.stringify([provider, kind, basis])}
      empty="No cost is mapped to it. Say with set-kind-mapping which kinds of providers are for it."
      columns={[
        { title: 'Provider', value: ({ provider }) => provider },
        { title: 'Kind of the provider', value: ({ kind }) => kind },
        { title: 'Divided', value: ({ basis }) => (basis === null ? 'not mapped' : BASES[basis]) },
        { title: 'Direct cost', value: ({ directCogs }) => directCogs, currency },
        { title: 'Shared cost', value: ({ sharedCogs }) => sharedCogs, currency },
        { title: 'Cost', value: ({ cogs }) => cogs, currency },
      ]}
    />
  );
}

/** Why less or more is billed than the list value. They come to the difference. */
const CAUSES = [
  ['Allowance', 'allowance'],
  ['Discount', 'discount'],
  ['Maximum', 'maximum'],
  ['Minimum', 'minimum'],
  ['Coupons', 'coupon'],
  ['Credits', 'credit'],
  ['Credit notes', 'creditNotes'],
  ['Other', 'other'],
] as const;

function Realised({ of: { currency, overall, byKind } }: { readonly of: PriceRealisation }) {
  const rows = byKind.filter(({ list, billed }) => !isZero(list) || !isZero(billed));
  const causes = CAUSES.filter(([, name]) => byKind.some((each) => !isZero(each[name])));
  return (
    <Stack>
      <Figures
        of={[
          ['List value', overall.list],
          ['Billed', overall.billed],
          ['Difference', overall.difference],
        ]}
        currency={currency}
      >
        <Figure title="Realisation %">{overall.realisationPct ?? '–'}</Figure>
      </Figures>
      <DataTable
        name="price realisation"
        rows={rows}
        keyOf={({ billingKind }) => billingKind}
        empty="Nothing was billed. Issue invoices."
        columns={[
          { title: 'Billing kind', value: (each) => each.billingKind },
          QUANTITY,
          { title: 'List value', value: (each: KindRealisation) => each.list, currency },
          ...causes.map(([title, name]) => ({ title, value: (each: KindRealisation) => each[name], currency })),
          { title: 'Billed', value: (each: KindRealisation) => each.billed, currency },
          { title: 'Realisation %', value: (each) => each.realisationPct, isNumber: true },
        ]}
      />
    </Stack>
  );
}
