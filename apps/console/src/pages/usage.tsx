import { Button, Group, Text } from '@mantine/core';
import { useState } from 'react';
import type { Resource, UsageRecord } from '../../../../clients/typescript/ledgerline.ts';
import { useAnswer, useList } from '../answers.ts';
import { isMonthText, monthOf } from '../formats.ts';
import { ofAssignment, ofReading, ofResource } from '../facts.ts';
import { useMoment, useNow, useParam } from '../moment.ts';
import { DeploymentChooser, TenantChooser } from '../parts/chooser.tsx';
import { Correct as CorrectDialog } from '../parts/correct.tsx';
import type { Correctable } from '../prices.ts';
import { Answered, During, Page, Section, When } from '../parts/states.tsx';
import { Explain, ListTable, QUANTITY } from '../parts/table.tsx';
import { TenantUsageChart, UsageChart } from '../parts/usage-chart.tsx';
import { useIsStaff, useMay } from '../session.tsx';
import { MonthInput } from '../parts/month-input.tsx';
import { DEPLOYMENT } from '../parts/named.tsx';

const REASONS = {
  no_subscription: 'no subscription covers it: start or correct one',
  no_plan_item: 'the plan has no item for it: correct the plan',
  not_metered: 'its day is not metered: run ledgerline meter',
  changed_since: 'its day changed since it was metered: run ledgerline meter',
} as const;

export function UsagePage() {
  const isStaff = useIsStaff();
  const [tenantId, chooseTenant] = useParam('tenant', '');
  const [chosen, choose] = useParam('deployment', '');
  // What is chosen, or else the first of all. Of a tenant, all are shown together until one is chosen.
  const deployments = useAnswer('deployments', chosen === '' ? { limit: 1 } : { deploymentIds: [chosen] });
  const [month, setMonth] = useParam('month', monthOf(useNow()));
  const isMonth = isMonthText(month);
  const { asOf } = useMoment();
  const mayCorrect = useMay('platform_admin', 'operator') && asOf === undefined;
  const [corrected, setCorrected] = useState<Correctable | null>(null);
  const correct: Correct | null = mayCorrect ? setCorrected : null;
  return (
    <Page title="Usage">
      <Answered answer={deployments}>
        {({ items: [found] }) => {
          const isOf = found?.assignments.some((each) => each.tenantId === tenantId) === true;
          const deployment = tenantId === '' || (chosen !== '' && isOf) ? found : undefined;
          const deploymentId = deployment?.deploymentId ?? (tenantId === '' && chosen !== '' ? chosen : undefined);
          return (
            <>
              <Group align="end">
                <TenantChooser label="Tenant" placeholder="All" value={tenantId} set={chooseTenant} isOptional />
                <DeploymentChooser
                  label="Deployment"
                  placeholder="All of the tenant together"
                  tenantId={tenantId === '' ? undefined : tenantId}
                  value={deploymentId ?? ''}
                  set={choose}
                  isOptional={tenantId !== ''}
                />
                <MonthInput label="Month" month={month} set={setMonth} />
                {deployment !== undefined && correct !== null && (
                  <Button
                    variant="default"
                    onClick={() => {
                      correct(ofAssignment(deployment));
                    }}
                  >
                    {`Correct the tenant of ${deployment.name}`}
                  </Button>
                )}
              </Group>
              {isMonth && tenantId !== '' && deploymentId === undefined && (
                <Section title="By day">
                  <TenantUsageChart tenantId={tenantId} month={month} />
                  <Text size="sm" c="dimmed">
                    Choose a deployment to see its records.
                  </Text>
                </Section>
              )}
              {isMonth && deploymentId !== undefined && (
                <>
                  <Section title="By day">
                    <UsageChart deploymentId={deploymentId} month={month} />
                  </Section>
                  <Section title="Records">
                    <Records deploymentId={deploymentId} month={month} correct={correct} />
                  </Section>
                  {isStaff && (
                    <Section title="Resources at the end of the month">
                      <Resources deploymentId={deploymentId} month={month} correct={correct} />
                    </Section>
                  )}
                </>
              )}
            </>
          );
        }}
      </Answered>
      {isStaff && (
        <Section title="Not billed by any line">
          <Unbilled />
        </Section>
      )}
      {corrected !== null && (
        <CorrectDialog
          of={corrected}
          close={() => {
            setCorrected(null);
          }}
        />
      )}
    </Page>
  );
}

/** Opens the form that corrects a fact. */
type Correct = (fact: Correctable) => void;

/** null: the role, or the moment, corrects nothing. */
function correctColumn<Row>(correct: Correct | null, factOf: (row: Row) => Correctable) {
  if (correct === null) return [];
  const show = (row: Row) => {
    const fact = factOf(row);
    return (
      <Button
        size="compact-xs"
        variant="default"
        aria-label={`Correct ${fact.title}`}
        onClick={() => {
          correct(fact);
        }}
      >
        Correct
      </Button>
    );
  };
  return [{ title: 'Correct', value: () => null, show }];
}

const startOf = (month: string): string => `${month}-01T00:00:00Z`;
const endOf = (month: string): string => startOf(monthOf(new Date(startOf(month)), 1));
const lastInstantBefore = (instant: string): string => new Date(Date.parse(instant) - 1).toISOString();

/** A reading as `explain` names it: each part of the name is encoded, for all but the start are free text. */
const usageIdOf = ({ deploymentId, billingKind, resourceId, period }: UsageRecord): string =>
  `usage:${[deploymentId, billingKind, resourceId, period.start].map(encodeURIComponent).join('/')}`;

interface OfMonth {
  readonly deploymentId: string;
  readonly month: string;
  readonly correct: Correct | null;
}

function Resources({ deploymentId, month, correct }: OfMonth) {
  const [from, until] = [startOf(month), endOf(month)];
  const resources = useList('resources', { deploymentId, at: lastInstantBefore(until) });
  return (
    <ListTable
      list={resources}
      name="resources"
      keyOf={({ provider, providerId }) => JSON.stringify([provider, providerId])}
      empty="The inventory has no resource of this deployment."
      columns={[
        { title: 'Resource', value: ({ name }) => name },
        { title: 'Kind', value: ({ kind }) => kind },
        { title: 'Status', value: ({ status }) => status },
        { title: 'First seen', value: (each) => each.firstSeenAt, show: (each) => <When at={each.firstSeenAt} /> },
        { title: 'Last seen', value: (each) => each.lastSeenAt, show: (each) => <When at={each.lastSeenAt} /> },
        ...correctColumn<Resource>(correct, (each) => ofResource(each, { from, until })),
      ]}
    />
  );
}

function Records({ deploymentId, month, correct }: OfMonth) {
  const records = useList('usageRecords', { deploymentId, start: startOf(month), end: endOf(month) });
  return (
    <ListTable
      list={records}
      name="usage records"
      keyOf={(each) => JSON.stringify([each.resourceId, each.billingKind, each.period.start, each.sourceId])}
      empty="There is no record in this month."
      columns={[
        {
          title: 'Start',
          value: ({ period }) => period.start,
          show: (each) => (
            <Explain id={usageIdOf(each)}>
              <When at={each.period.start} />
            </Explain>
          ),
        },
        { title: 'Granularity', value: ({ granularity }) => granularity },
        { title: 'Kind', value: ({ billingKind }) => billingKind },
        { title: 'Resource', value: ({ resourceId }) => resourceId },
        QUANTITY,
        ...correctColumn(correct, ofReading),
      ]}
    />
  );
}

/** It reads all usage, so it is looked for only when a person wants it. */
function Unbilled() {
  const [isAsked, setIsAsked] = useState(false);
  if (isAsked) return <UnbilledList />;
  return (
    <Button
      variant="default"
      onClick={() => {
        setIsAsked(true);
      }}
    >
      Look for usage without a line
    </Button>
  );
}

function UnbilledList() {
  const unbilled = useList('unbilled', {});
  return (
    <ListTable
      list={unbilled}
      name="unbilled usage"
      keyOf={(each) => `${each.deploymentId} ${each.billingKind} ${each.reason}`}
      empty="All usage has a line that bills it."
      columns={[
        DEPLOYMENT,
        { title: 'Kind', value: ({ billingKind }) => billingKind },
        { title: 'Why, and what to do', value: ({ reason }) => REASONS[reason] },
        {
          title: 'Period',
          value: ({ period }) => `${period.start} – ${period.end}`,
          show: ({ period }) => <During of={period} />,
        },
        { title: 'Readings', value: ({ readings }) => readings, isNumber: true },
        QUANTITY,
      ]}
    />
  );
}
