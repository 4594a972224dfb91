import type { RecordedEvent } from '#domain/events';
import type { PayerTerms } from '#domain/tenants/payer';
import { evolveTerms, periodsOfTerms, versionsOfTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toPayer } from './payers.read.js';
import { type PayerRow, payers } from './payers.table.js';

type PayerEvents = 'PayerSet' | 'PayerCorrected';

const ofTenant = ({ data }: RecordedEvent<PayerEvents>): readonly string[] => [data.tenantId];

const next = ({ data }: RecordedEvent<PayerEvents>, rows: readonly PayerRow[]): PayerRow[] =>
  periodsOfTerms(evolveTerms<PayerTerms>(versionsOfTerms(rows.map(toPayer)), data)).map(({ terms, period }) => ({
    ...{ tenant_id: data.tenantId, payer_id: terms.payerId },
    ...{ effective_from: period.start, effective_until: period.end },
  }));

export const payersProjection = versionedProjection('payers', {
  version: 1,
  tables: [payers],
  on: {
    PayerSet: changing(payers, ofTenant, next),
    PayerCorrected: changing(payers, ofTenant, next),
  },
});
