import type pg from 'pg';
import type { RecordedEvent } from '#domain/events';
import type { FrozenRow } from '#domain/invoices/invoice';
import { byMonth } from '#domain/margin/months';
import { decimal, sum, text } from '#domain/money/decimal';
import { answer, type Answers } from '#read-model/projection';
import { type Passing, projection } from '../flow.js';
import { chargedDeployments, chargedResources, keptCosts, keptMonths } from './kept-costs.table.js';
import { revenue, type RevenueRow } from './margins.table.js';

const recognising: Answers<Passing<'margins'>, Promise<void>, [pg.ClientBase]> = {
  InvoiceIssued: (event, client) => recognise(client, event, event.data.invoiceId, 'issued'),
  CreditNoteIssued: (event, client) => recognise(client, event, event.data.creditNoteId, 'credited'),
  InvoiceVoided: (event, client) => takeBack(client, event),
};

export const marginsProjection = projection('margins', {
  version: 4,
  tables: [revenue],
  kept: [keptMonths, keptCosts, chargedResources, chargedDeployments],
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
  { data, position }: RecordedEvent<'InvoiceIssued' | 'CreditNoteIssued'>,
  documentId: string,
  cause: RevenueRow['cause'],
): Promise<void> {
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
}

async function takeBack(client: pg.ClientBase, { data, position }: RecordedEvent<'InvoiceVoided'>): Promise<void> {
  await client.query(
    `${INSERT} SELECT invoice_id, 'voided', deployment_id, billing_kind, month, tenant_id, currency, -amount, $2` +
      " FROM revenue WHERE invoice_id = $1 AND cause = 'issued'",
    [data.invoiceId, position],
  );
}
