import { Button, Group } from '@mantine/core';
import { useState } from 'react';
import type { Plan } from '../../../../clients/typescript/ledgerline.ts';
import { useList } from '../answers.ts';
import { quantityText } from '../formats.ts';
import { useMoment } from '../moment.ts';
import { Correct } from '../parts/correct.tsx';
import { Answered, Page, When } from '../parts/states.tsx';
import { DataTable, moreOf } from '../parts/table.tsx';
import { BASE_FEE, itemsOf, itemText, type Priced, pricedByItem, priceText } from '../prices.ts';
import { pricedByTerms } from '../terms.ts';
import { useMay } from '../session.tsx';

interface Row {
  readonly plan: Plan;
  readonly item: ReturnType<typeof itemsOf>[number];
}

const rowsOf = (plans: readonly Plan[]): Row[] =>
  plans.flatMap((plan) => itemsOf(plan).map((item) => ({ plan, item })));

/** The terms of each plan in each period, with the price of each item. */
export function Plans() {
  const { asOf } = useMoment();
  const mayCorrect = useMay('platform_admin', 'operator') && asOf === undefined;
  const [corrected, setCorrected] = useState<Priced | null>(null);
  const plans = useList('plans', {});
  return (
    <Page title="Plans">
      <Answered answer={plans}>
        {(rows) => (
          <DataTable
            name="plans"
            rows={rowsOf(rows)}
            keyOf={({ plan, item }) =>
              `${plan.planId} ${plan.effectiveFrom} ${item.billingKind} ${JSON.stringify(item.filter)}`
            }
            empty="There is no plan. Publish one with the command publish-plan."
            more={moreOf(plans, rowsOf)}
            columns={[
              { title: 'Plan', value: ({ plan }) => plan.planId },
              { title: 'Item', value: ({ plan, item }) => itemText(plan, item) },
              { title: 'Price', value: ({ plan, item }) => priceText(item.price, plan.currency) },
              {
                title: 'Included',
                value: ({ item }) => item.included ?? null,
                show: ({ item }) =>
                  item.included === undefined
                    ? '–'
                    : `${quantityText(item.included)}${item.pooled === true ? ', pooled' : ''}`,
                isNumber: true,
              },
              {
                title: 'From',
                value: ({ plan }) => plan.effectiveFrom,
                show: ({ plan }) => <When at={plan.effectiveFrom} />,
              },
              {
                title: 'Until',
                value: ({ plan }) => plan.effectiveUntil,
                show: ({ plan }) => <When at={plan.effectiveUntil} />,
              },
              ...(mayCorrect
                ? [
                    {
                      title: 'Correct',
                      value: () => null,
                      show: ({ plan, item }: Row) => {
                        const priced = pricedByItem(plan, item);
                        const button = (label: string, what: Priced) => (
                          <Button
                            size="compact-xs"
                            variant="default"
                            aria-label={`Correct ${what.title}`}
                            onClick={() => {
                              setCorrected(what);
                            }}
                          >
                            {label}
                          </Button>
                        );
                        if (priced === null) return 'under Rates';
                        // The base fee is the first row of a plan.
                        return (
                          <Group gap="xs" wrap="nowrap">
                            {button('Correct', priced)}
                            {item.billingKind === BASE_FEE && button('Terms', pricedByTerms(plan))}
                          </Group>
                        );
                      },
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Answered>
      {corrected !== null && (
        <Correct
          of={corrected}
          close={() => {
            setCorrected(null);
          }}
        />
      )}
    </Page>
  );
}
