import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Preview } from '../../../../clients/typescript/ledgerline.ts';
import { useWholeList } from '../answers.ts';
import { isMonthText, monthOf } from '../formats.ts';
import { Changes } from '../parts/changes.tsx';
import { AmountFields, usePreview } from '../parts/correct.tsx';
import { Answered, Failure, Page } from '../parts/states.tsx';
import { itemsOf, type Priced, pricedByItem, pricedByRate } from '../prices.ts';
import { changing } from '../parts/inputs.ts';

/** A past month under another price. Nothing is stored. */
export function WhatIf() {
  const rates = useWholeList('rates', {});
  const plans = useWholeList('plans', {});
  return (
    <Page title="What if">
      <Text size="sm">
        See what a past month would have come to under another price. Nothing is recorded, and no invoice changes.
      </Text>
      <Answered answer={rates}>
        {(allRates) => (
          <Answered answer={plans}>
            {(allPlans) => (
              <Question
                all={[
                  ...allRates.map(pricedByRate),
                  ...allPlans.flatMap((plan) => itemsOf(plan).flatMap((item) => pricedByItem(plan, item) ?? [])),
                ]}
              />
            )}
          </Answered>
        )}
      </Answered>
    </Page>
  );
}

type Answer = { readonly preview: Preview } | { readonly failure: Error } | null;

function Question({ all }: { readonly all: readonly Priced[] }) {
  const preview = usePreview();
  const [title, setTitle] = useState<string | null>(null);
  const [month, setMonth] = useState(monthOf(new Date(), -1));
  const [amounts, setAmounts] = useState<Readonly<Record<string, string>>>({});
  const [answer, setAnswer] = useState<Answer>(null);
  const [isAsking, setIsAsking] = useState(false);
  const start = `${month}-01T00:00:00Z`;
  const isMonth = isMonthText(month);
  const end = isMonth ? `${monthOf(new Date(start), 1)}-01T00:00:00Z` : start;
  // Of a price that changed, the one that was in force when the month began, or else the first.
  const named = all.filter((each) => each.title === title);
  const chosen = named.findLast(({ within }) => within.from <= start) ?? named[0];
  const ask = async (of: Priced): Promise<void> => {
    setIsAsking(true);
    try {
      const command = of.commandOf({ amounts, from: start, until: end, reason: 'what if' });
      setAnswer({ preview: await preview(command, { month, currency: of.currency }) });
    } catch (error) {
      setAnswer({ failure: errorOf(error) });
    }
    setIsAsking(false);
  };
  return (
    <Stack>
      <Group align="end">
        <Select
          label="Price of"
          searchable
          limit={100}
          miw={280}
          data={[...new Set(all.map((each) => each.title))]}
          value={title}
          nothingFoundMessage="No rate and no item of a plan is called so"
          onChange={(value) => {
            setTitle(value);
            setAmounts({});
            setAnswer(null);
          }}
        />
        <TextInput label="Month" type="month" value={month} onChange={changing(setMonth)} />
      </Group>
      {chosen !== undefined && (
        <>
          <AmountFields amounts={chosen.amounts} told={amounts} tell={setAmounts} />
          <Group>
            <Button loading={isAsking} disabled={!isMonth} onClick={() => void ask(chosen)}>
              Show what it would be
            </Button>
          </Group>
        </>
      )}
      {answer !== null && 'failure' in answer && <Failure error={answer.failure} />}
      {answer !== null && 'preview' in answer && <Changes of={answer.preview} />}
    </Stack>
  );
}
