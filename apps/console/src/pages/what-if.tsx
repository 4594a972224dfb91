import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { errorOf } from '#domain/errors';
import type { Preview } from '../../../../clients/typescript/ledgerline.ts';
import { useWholeList } from '../answers.ts';
import { isMonthText, monthOf } from '../formats.ts';
import { useMoment } from '../moment.ts';
import { BackToNow } from '../parts/back-to-now.tsx';
import { Changes } from '../parts/changes.tsx';
import { AmountFields, usePreview } from '../parts/correct.tsx';
import { MonthInput } from '../parts/month-input.tsx';
import { Answered, Failure, Page } from '../parts/states.tsx';
import { itemsOf, type Priced, pricedByItem, pricedByRate } from '../prices.ts';

/** A past month under another price. Nothing is stored. */
export function WhatIf() {
  const { asOf } = useMoment();
  return (
    <Page title="What if">
      <Text size="sm">
        See what a past month would have come to under another price. Nothing is recorded, and no invoice changes.
      </Text>
      {asOf === undefined ? (
        <Prices />
      ) : (
        <BackToNow title="What if answers as of now only">
          {'Another price is tried on what is known now, not on what was known at the moment of this page.'}
        </BackToNow>
      )}
    </Page>
  );
}

/** All that has a price. */
function Prices() {
  const rates = useWholeList('rates', {});
  const plans = useWholeList('plans', {});
  return (
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
  );
}

/** `of`: the question that it answers, as text. */
type Answer = { readonly of: string } & ({ readonly preview: Preview } | { readonly failure: Error });

function Question({ all }: { readonly all: readonly Priced[] }) {
  const preview = usePreview();
  const [title, setTitle] = useState<string | null>(null);
  const [month, setMonth] = useState(monthOf(new Date(), -1));
  const [amounts, setAmounts] = useState<Readonly<Record<string, string>>>({});
  const [latest, setLatest] = useState<Answer | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  const start = `${month}-01T00:00:00Z`;
  const isMonth = isMonthText(month);
  const end = isMonth ? `${monthOf(new Date(start), 1)}-01T00:00:00Z` : start;
  // Of a price that changed, the one that was in force when the month began, or else the first.
  const named = all.filter((each) => each.title === title);
  const chosen = named.findLast(({ within }) => within.from <= start) ?? named[0];
  const question = JSON.stringify([title, month, amounts]);
  // What answers another question is not shown.
  const answer = latest?.of === question ? latest : null;
  const ask = async (of: Priced): Promise<void> => {
    setIsAsking(true);
    try {
      const command = of.commandOf({ amounts, from: start, until: end, reason: 'what if' });
      setLatest({ of: question, preview: await preview(command, { month, currency: of.currency }) });
    } catch (error) {
      setLatest({ of: question, failure: errorOf(error) });
    }
    setIsAsking(false);
  };
  return (
    <Stack>
      <Group align="start">
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
          }}
        />
        <MonthInput label="Month" month={month} set={setMonth} />
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
