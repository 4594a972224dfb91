import { expect, it } from '@jest/globals';
import { instant } from '#domain/time/instant';
import { id, projected } from '../../test/support/projections.js';
import { marginAlertsProjection } from './margin-alerts.projection.js';
import { marginAlerts, raisedAlerts } from './margin-alerts.table.js';

const { given, when, rows } = projected(marginAlertsProjection);

const APRIL = '2026-04-01T00:00:00Z';
const MAY = '2026-05-01T00:00:00Z';
const below = (percent: string) => ({ when: 'margin_below' as const, percent, currency: 'USD' });
const row = (percent: string, from: string, until: string | null) => ({
  ...{ alert_id: 'r', terms: below(percent), effective_from: from },
  ...(until === null ? {} : { effective_until: until }),
});

it('keeps the terms of a rule over their periods', async () => {
  await given({ MarginAlertSet: { alertId: 'r', terms: below('5'), effectiveFrom: APRIL, effectiveUntil: null } });
  await when({
    MarginAlertCorrected: {
      ...{ alertId: 'r', changedFrom: MAY, reason: 'as agreed' },
      versions: [
        { from: APRIL, terms: below('5') },
        { from: MAY, terms: below('6') },
      ],
    },
  });
  expect(await rows(marginAlerts)).toEqual([row('5', APRIL, MAY), row('6', MAY, null)]);
  expect(await rows(marginAlerts, 1)).toEqual([row('5', APRIL, null)]);
});

it('has what became of an alert', async () => {
  const subject = {
    ...{ alertId: 'r', id: id(7), when: 'margin_below' as const, period: '2026-04', currency: 'USD' },
    ...{ tenantId: 't', provider: null, kind: null, at: instant(MAY) },
  };
  const raised = {
    ...{ id: id(7), alert_id: 'r', kind: 'margin_below', period: '2026-04', currency: 'USD', tenant_id: 't' },
    ...{ state: 'raised', value: '4', threshold: '5', raised_at: 1 },
  };
  await given({ AlertRaised: { ...subject, computedAt: 0, value: '4', threshold: '5' } });
  expect(await rows(raisedAlerts)).toEqual([raised]);
  await when({ AlertCleared: { ...subject, computedAt: 1, value: '5.5', raisedAt: 1 } });
  const cleared = { ...raised, state: 'cleared', cleared_at: 2, cleared_value: '5.5' };
  expect(await rows(raisedAlerts)).toEqual([cleared]);
  await when({ AlertRaised: { ...subject, computedAt: 2, value: '3', threshold: '5' } });
  expect(await rows(raisedAlerts)).toEqual([{ ...raised, value: '3', raised_at: 3 }]);
  expect(await rows(raisedAlerts, 2)).toEqual([cleared]);
});
