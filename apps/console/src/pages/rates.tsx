import { Button, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { Rate } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList, useWholeList } from '../answers.ts';
import { moneyText } from '../formats.ts';
import { useMoment, useNow, useParam } from '../moment.ts';
import { Correct } from '../parts/correct.tsx';
import { Answered, During, Money, Page, Section, When } from '../parts/states.tsx';
import { DataTable, moreOf } from '../parts/table.tsx';
import { keyIn, keyText, pricedByRate } from '../prices.ts';
import { useMay } from '../session.tsx';

const PriceSteps = lazy(async () => ({ default: (await import('../charts/price-steps.tsx')).PriceSteps }));

/** What a price was known to be. */
const [NOW, THEN] = ['Known now', 'Known at the moment of this page'];

export function Rates() {
  const [key, setKey] = useParam('key', '');
  const rates = useList('rates', {});
  return (
    <Page title="Rates">
      <Answered answer={rates}>
        {(rows) => {
          const wanted = rows.find((each) => keyText(each) === key) ?? keyIn(key);
          return (
            <>
              {wanted !== undefined && <Chosen of={wanted} named={key} />}
              <DataTable
                name="rates"
                rows={rows}
                keyOf={(each) => `${keyText(each)} ${each.effectiveFrom}`}
                empty="There is no rate. Set one with the command set-rate."
                more={moreOf(rates, (all) => all)}
                columns={[
                  {
                    title: 'Key',
                    value: keyText,
                    show: (each) => (
                      <Button
                        variant="subtle"
                        size="compact-sm"
                        onClick={() => {
                          setKey(keyText(each));
                        }}
                      >
                        {keyText(each)}
                      </Button>
                    ),
                  },
                  {
                    title: 'Price',
                    value: ({ unitPrice }) => unitPrice,
                    show: ({ unitPrice, currency }) => <Money amount={unitPrice} currency={currency} />,
                    isNumber: true,
                  },
                  { title: 'Unit', value: ({ unit }) => unit },
                  {
                    title: 'From',
                    value: ({ effectiveFrom }) => effectiveFrom,
                    show: ({ effectiveFrom }) => <When at={effectiveFrom} />,
                  },
                  {
                    title: 'Until',
                    value: ({ effectiveUntil }) => effectiveUntil,
                    show: ({ effectiveUntil }) => <When at={effectiveUntil} />,
                  },
                ]}
              />
            </>
          );
        }}
      </Answered>
    </Page>
  );
}

/** The rates of a key are asked for by it: it need not be among the first of all. */
function Chosen({
  of: { resourceType, resourceFamily, location },
  named,
}: {
  readonly of: Partial<Rate>;
  readonly named: string;
}) {
  const { data } = useWholeList('rates', { resourceType, resourceFamily, location });
  if (data === undefined) return null;
  const chosen = data.filter((each) => keyText(each) === named);
  return chosen.length === 0 ? (
    <Text>{`No price of ${named} is known at this moment.`}</Text>
  ) : (
    <Price rates={chosen} />
  );
}

/** The price of a key through time, known now and known at the moment of the page, in one picture. */
function Price({ rates }: { readonly rates: readonly Rate[] }) {
  const { asOf } = useMoment();
  const mayCorrect = useMay('platform_admin', 'operator') && asOf === undefined;
  const [isCorrecting, setIsCorrecting] = useState(false);
  const now = useNow();
  const [rate] = rates;
  const known = useAnswer(
    'rates',
    rate === undefined
      ? null
      : { resourceType: rate.resourceType, resourceFamily: rate.resourceFamily, location: rate.location },
    { now: true },
  );
  if (rate === undefined) return null;
  return (
    <Section title={keyText(rate)}>
      <Answered answer={known}>
        {({ items }) => (
          <>
            <Suspense fallback="Loading the chart">
              <PriceSteps
                series={[{ title: NOW, rates: items }, ...(asOf === undefined ? [] : [{ title: THEN, rates }])]}
                until={now.toISOString()}
              />
            </Suspense>
            {asOf !== undefined && <Steps rates={rates} title={THEN} label="Price as known then" />}
            <Steps rates={items} title={NOW} label="Price as known now" />
          </>
        )}
      </Answered>
      {mayCorrect && (
        <Button
          mt="sm"
          onClick={() => {
            setIsCorrecting(true);
          }}
        >
          Correct this price
        </Button>
      )}
      {isCorrecting && (
        <Correct
          of={pricedByRate(rates.at(-1) ?? rate)}
          close={() => {
            setIsCorrecting(false);
          }}
        />
      )}
    </Section>
  );
}

/** The same as a list. */
function Steps({
  rates,
  title,
  label,
}: {
  readonly rates: readonly Rate[];
  readonly title: string;
  readonly label: string;
}) {
  return (
    <>
      <Text size="sm">{title}</Text>
      <ol className="steps" aria-label={label}>
        {rates.map(({ effectiveFrom, effectiveUntil, unitPrice, currency }) => (
          <li key={`${effectiveFrom} ${currency}`}>
            {`${moneyText(unitPrice, currency)} `}
            <During of={{ start: effectiveFrom, end: effectiveUntil }} />
          </li>
        ))}
      </ol>
    </>
  );
}
