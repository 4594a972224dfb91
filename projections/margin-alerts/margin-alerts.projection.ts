import type { RecordedEvent } from '#domain/events';
import type { AlertTerms } from '#domain/margin/alert-rule';
import { evolveTerms, periodsOfTerms, versionsOfTerms } from '#domain/terms/terms';
import { changing } from '#read-model/versioned';
import { versionedProjection } from '../flow.js';
import { toRule } from './margin-alerts.read.js';
import { type MarginAlertRow, marginAlerts, type RaisedAlertRow, raisedAlerts } from './margin-alerts.table.js';

type RuleEvents = 'MarginAlertSet' | 'MarginAlertCorrected';

const ofRule = ({ data }: RecordedEvent<RuleEvents>): readonly string[] => [data.alertId];

const next = ({ data }: RecordedEvent<RuleEvents>, rows: readonly MarginAlertRow[]): MarginAlertRow[] =>
  periodsOfTerms(evolveTerms<AlertTerms>(versionsOfTerms(rows.map(toRule)), data)).map(({ terms, period }) => ({
    ...{ alert_id: data.alertId, effective_from: period.start, effective_until: period.end, terms },
  }));

const raised = ({ data, position }: RecordedEvent<'AlertRaised'>): RaisedAlertRow => ({
  ...{ id: data.id, alert_id: data.alertId, kind: data.when, period: data.period, currency: data.currency },
  ...{ tenant_id: data.tenantId, provider: data.provider, cost_kind: data.kind, state: 'raised' },
  ...{ value: data.value, threshold: data.threshold, raised_at: position, cleared_at: null, cleared_value: null },
});

export const marginAlertsProjection = versionedProjection('margin-alerts', {
  version: 1,
  tables: [marginAlerts, raisedAlerts],
  on: {
    MarginAlertSet: changing(marginAlerts, ofRule, next),
    MarginAlertCorrected: changing(marginAlerts, ofRule, next),
    AlertRaised: changing(
      raisedAlerts,
      ({ data }) => [data.id],
      (event) => [raised(event)],
    ),
    AlertCleared: changing(
      raisedAlerts,
      ({ data }) => [data.id],
      ({ data, position }, rows) =>
        rows.map((row) => ({ ...row, state: 'cleared', cleared_at: position, cleared_value: data.value })),
    ),
  },
});
