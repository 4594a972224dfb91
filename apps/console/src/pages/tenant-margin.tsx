import { Group, Stack, Text } from '@mantine/core';
import { useAnswer } from '../answers.ts';
import { isMonthText, monthOf, monthText } from '../formats.ts';
import { useNow, useParam } from '../moment.ts';
import { MonthInput } from '../parts/month-input.tsx';
import { Answered, Figure, Figures, Section } from '../parts/states.tsx';
import { Explain, To } from '../parts/table.tsx';
import { figuresOf, hasShared } from './margin/figures.tsx';

interface OfTenant {
  readonly tenantId: string;
  readonly currency: string;
}

/** What a month of one tenant came to, for who may see it. */
export function MarginOf({ tenantId, currency }: OfTenant) {
  const [month, setMonth] = useParam('marginMonth', monthOf(useNow()));
  const isMonth = isMonthText(month);
  // The trend keeps the cost of each tenant.
  const trend = useAnswer('marginTrend', isMonth ? { from: month, to: month, currency, by: 'tenant' } : null);
  return (
    <Section title="Margin">
      <Stack gap="xs">
        <Group>
          <MonthInput label="Month of the margin" month={month} set={setMonth} />
        </Group>
        {isMonth && (
          <Answered answer={trend}>
            {({ months: [of] }) => {
              const own = of?.byTenant?.find((each) => each.tenantId === tenantId);
              if (own === undefined)
                return <Text c="dimmed">{`No revenue and no cost in ${monthText(month)}. Choose another month.`}</Text>;
              return (
                <>
                  <Figures
                    of={figuresOf(hasShared([own])).map(([title, name]) => [title, own[name]] as const)}
                    currency={currency}
                  >
                    <Figure title="Margin %">{own.marginPct ?? '–'}</Figure>
                  </Figures>
                  <Text size="sm">
                    <Explain id={`margin:${month}/${currency}/${encodeURIComponent(tenantId)}`}>
                      Invoices and cost lines
                    </Explain>
                    {' · '}
                    <To path={`/margin?month=${month}&currency=${currency}`}>All tenants</To>
                  </Text>
                </>
              );
            }}
          </Answered>
        )}
      </Stack>
    </Section>
  );
}
