import type { AlertKind, AlertTerms } from '#domain/margin/alert-rule';
import { bigint, jsonb, numeric, oneOf, text, timestamptz, uuid } from '#read-model/column';
import type { History } from '#read-model/read-models';
import { defineTable, type RowOf } from '#read-model/table';

/** Rules of margin alerts, over the periods in which their terms do not change. */
export const marginAlerts = defineTable({
  name: 'margin_alerts',
  columns: {
    alert_id: text,
    effective_from: timestamptz,
    effective_until: timestamptz.nullable(),
    terms: jsonb<AlertTerms>(),
  },
  key: ['alert_id', 'effective_from'],
  group: ['alert_id'],
});

export type MarginAlertRow = RowOf<typeof marginAlerts>;

/** The alerts that were raised, and whether they were cleared. */
export const raisedAlerts = defineTable({
  name: 'raised_alerts',
  columns: {
    id: uuid,
    alert_id: text,
    kind: oneOf<AlertKind>(),
    /** A UTC month, 2026-04, or a UTC day, 2026-04-15. */
    period: text,
    currency: text,
    tenant_id: text.nullable(),
    provider: text.nullable(),
    cost_kind: text.nullable(),
    state: oneOf<'raised' | 'cleared'>(),
    /** What raised it, and what it was compared with. */
    value: numeric.nullable(),
    threshold: numeric,
    /** The positions of the events that raised and cleared it. */
    raised_at: bigint,
    cleared_at: bigint.nullable(),
    cleared_value: numeric.nullable(),
  },
  key: ['id'],
});

export type RaisedAlertRow = RowOf<typeof raisedAlerts>;

declare module '#read-model/read-models' {
  interface ReadModels {
    margin_alerts: History<MarginAlertRow>;
    raised_alerts: History<RaisedAlertRow>;
  }
}
