import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { FrozenRow } from '#domain/invoices/invoice';
import { byMonth, quantityByMonth } from '#domain/margin/months';
import { decimal, sum, text, ZERO } from '#domain/money/decimal';
import { isForUsage } from '#domain/prices/refs';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import {
  chargedDeployments,
  chargedResources,
  keptBilledDays,
  keptCosts,
  keptMonths,
  keptTenants,
} from './kept-costs.table.js';
import { revenue, type RevenueRow, soldUnits } from './margins.table.js';

const recognising: Answers<Passing<'margins'>, Promise<void>, [pg.ClientBase]> = {
  InvoiceIssued: (event, client) => recognise(client, event, event.data.invoiceId, 'issued'),
  CreditNoteIssued: (event, client) => recognise(client, event, event.data.creditNoteId, 'credited'),
  InvoiceVoided: (event, client) => takeBack(client, event),
};

export const marginsProjection = projection('margins', {
  version: 8,
  tables: [revenue, soldUnits],
  kept: [keptMonths, keptCosts, keptTenants, keptBilledDays, chargedResources, chargedDeployments],
  money: [
    { of: 'revenue', sql: 'SELECT tenant_id, month, currency, sum(amount) AS amount FROM revenue GROUP BY 1, 2, 3' },
  ],
  async project(batch, client) {
    for (const event of batch) await answer(recognising, event, client);
  },
});

const INSERT =
  'INSERT INTO revenue (invoice_id, cause, deployment_id, billing_kind, month, tenant_id, currency, amount,' +
  ' position_from)';

/** The projection `invoices` comes earlier in the flow, and has written the frozen rows. */
async function recognise(
  client: pg.ClientBase,
  event: RecordedEvent<'InvoiceIssued' | 'CreditNoteIssued'>,
  documentId: string,
  cause: RevenueRow['cause'],
): Promise<void> {
  const { data, position } = event;
  const { rows } = await client.query<{ row: FrozenRow }>(
    'SELECT row FROM invoice_rows WHERE invoice_id = $1 AND attempt = $2',
    [documentId, data.attempt],
  );
  const shares = rows.flatMap(({ row }) =>
    byMonth(decimal(row.net), row.chargePeriod, data.currency).map(({ month, amount }) => ({
      key: JSON.stringify([row.deploymentId, row.billingKind, month]),
      amount,
    })),
  );
  const totals = [...Map.groupBy(shares, ({ key }) => key)].map(([key, group]) => {
    const [deploymentId, billingKind, month] = JSON.parse(key) as [string, string, string];
    return { deploymentId, billingKind, month, amount: text(sum(group.map(({ amount }) => amount))) };
  });
  await client.query(
    `${INSERT} SELECT $1, $9, d, k, m, $2, $3, a, $4` +
      ' FROM unnest($5::text[], $6::text[], $7::text[], $8::numeric[]) AS s(d, k, m, a)',
    [
      documentId,
      data.tenantId,
      data.currency,
      position,
      totals.map(({ deploymentId }) => deploymentId),
      totals.map(({ billingKind }) => billingKind),
      totals.map(({ month }) => month),
      totals.map(({ amount }) => amount),
      cause,
    ],
  );
  if (cause === 'issued')
    await countUnits(
      client,
      event,
      documentId,
      rows.map(({ row }) => row),
    );
}

const INSERT_UNITS =
  'INSERT INTO sold_units (invoice_id, cause, deployment_id, billing_kind, unit, month, tenant_id, currency,' +
  ' quantity, position_from)';

/** Reversals have quantities below zero, so what is rebooked counts once. */
async function countUnits(
  client: pg.ClientBase,
  {
    data,
    position,
  }: { readonly data: { readonly tenantId: string; readonly currency: string }; readonly position: number },
  invoiceId: string,
  rows: readonly FrozenRow[],
): Promise<void> {
  const shares = rows
    .filter(({ ref }) => isForUsage(ref))
    .flatMap(({ quantity, chargePeriod, deploymentId, billingKind, unit = '' }) =>
      quantityByMonth(decimal(quantity), chargePeriod).map(({ month, amount }) => ({
        key: JSON.stringify([deploymentId, billingKind, unit, month]),
        amount,
      })),
    );
  const totals = [...Map.groupBy(shares, ({ key }) => key)]
    .map(([key, group]) => {
      const [deploymentId, billingKind, unit, month] = JSON.parse(key) as [string, string, string, string];
      return { deploymentId, billingKind, unit, month, quantity: sum(group.map(({ amount }) => amount)) };
    })
    .filter(({ quantity }) => !quantity.eq(ZERO));
  await client.query(
    `${INSERT_UNITS} SELECT $1, 'issued', d, k, u, m, $2, $3, q, $4` +
      ' FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::numeric[]) AS s(d, k, u, m, q)',
    [
      invoiceId,
      data.tenantId,
      data.currency,
      position,
      totals.map(({ deploymentId }) => deploymentId),
      totals.map(({ billingKind }) => billingKind),
      totals.map(({ unit }) => unit),
      totals.map(({ month }) => month),
      totals.map(({ quantity }) => text(quantity)),
    ],
  );
}

async function takeBack(client: pg.ClientBase, { data, position }: RecordedEvent<'InvoiceVoided'>): Promise<void> {
  await client.query(
    `${INSERT} SELECT invoice_id, 'voided', deployment_id, billing_kind, month, tenant_id, currency, -amount, $2` +
      " FROM revenue WHERE invoice_id = $1 AND cause = 'issued'",
    [data.invoiceId, position],
  );
  await client.query(
    `${INSERT_UNITS} SELECT invoice_id, 'voided', deployment_id, billing_kind, unit, month, tenant_id, currency,` +
      " -quantity, $2 FROM sold_units WHERE invoice_id = $1 AND cause = 'issued'",
    [data.invoiceId, position],
  );
}
