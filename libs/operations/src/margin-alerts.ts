import { z } from 'zod';
import { isEventOf, type RecordedEvent } from '#domain/events';
import {
  ALERT_KINDS,
  alertEvents,
  alertStream,
  type AlertTerms,
  alertTerms,
  zAlertTerms,
} from '#domain/margin/alert-rule';
import { decimal, text } from '#domain/money/decimal';
import { zCurrency, zId, zInstant, zText } from '#domain/schema';
import { assertEffective } from '#domain/time/period';
import { correctedTerms, statedTerms, type TermsSubject, withdrawnTerms } from '#ledger/dated-terms';
import { defineCommand, defineWithdrawal } from '#ledger/define-command';
import { ADMIN, defineQuery, pageOfRows, zAt, zOptionalId, zPage } from '#ledger/query';
import {
  ALERT_ORDER,
  readAlertPage,
  readRulePage,
  RULE_ORDER,
  toRule,
} from '#projections/margin-alerts/margin-alerts.read';
import { inForce, listOf, zPosition, zQuantity } from './answers.js';
import type { Operations } from './declared.js';
import { APRIL } from './story.js';

type RuleFact = Extract<RecordedEvent, { readonly type: 'MarginAlertSet' | 'MarginAlertCorrected' }>;
const isRule = isEventOf({
  MarginAlertSet: alertEvents.MarginAlertSet,
  MarginAlertCorrected: alertEvents.MarginAlertCorrected,
});

const subjectOf = (alertId: string): TermsSubject<AlertTerms, RuleFact> => ({
  stream: alertStream(alertId),
  isOf: (event): event is RuleFact => isRule(event) && event.data.alertId === alertId,
  dataOf: ({ data }) => data,
  ...{ name: `margin alert ${alertId}`, unknown: 'unknown_alert', command: 'set-margin-alert' },
  correctedBy: (correction) => ({ type: 'MarginAlertCorrected', data: { alertId, ...correction } }),
});

const fields = zAlertTerms.extend({
  alertId: zId.describe('The name of the rule'),
  currency: zCurrency.default('USD'),
  effectiveFrom: zInstant.describe('A month or a day has the terms that are in force last in it'),
  effectiveUntil: zInstant.optional(),
});

const setMarginAlert = defineCommand({
  name: 'set-margin-alert',
  summary: 'Sets when the worker raises an alert about margin or cost, from an instant on',
  fields,
  key: ({ alertId, effectiveFrom }) => [alertId, effectiveFrom],
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-margin-alert', 'withdraw'] },
  stated: ({ alertId, effectiveFrom }, events) => statedTerms(subjectOf(alertId), effectiveFrom, events),
  withdrawal: defineWithdrawal({
    fields: z.strictObject({ alertId: zId, effectiveFrom: zInstant }),
    async handle(call, core, correction) {
      const { alertId, effectiveFrom } = call.fields;
      return withdrawnTerms(core, call, subjectOf(alertId), { effectiveFrom, correction });
    },
  }),
  example: { alertId: 'low-margin', when: 'margin_below', percent: '20', by: 'tenant', effectiveFrom: APRIL.start },
  async handle(call, core) {
    const { alertId, effectiveFrom, effectiveUntil = null, ...given } = call.fields;
    const terms = alertTerms(given);
    assertEffective(effectiveFrom, effectiveUntil);
    return core.book.decide(alertStream(alertId), call, () => ({
      events: [{ type: 'MarginAlertSet', data: { alertId, terms, effectiveFrom, effectiveUntil } }],
    }));
  },
});

const correctMarginAlert = defineCommand({
  name: 'correct-margin-alert',
  summary: 'Corrects a rule of margin alerts over a period. The fields state the rule as a whole',
  fields: fields.extend({ reason: zText.min(1) }),
  key: 'body',
  roles: ADMIN,
  fourEyes: 'nothing',
  mistakes: { correctedBy: ['correct-margin-alert'] },
  example: {
    ...{ alertId: 'low-margin', when: 'margin_below', percent: '10', by: 'tenant' },
    ...{ effectiveFrom: APRIL.start, effectiveUntil: APRIL.end, reason: 'as agreed with finance' },
  },
  async handle(call, core) {
    const { alertId, effectiveFrom: from, effectiveUntil: until = null, reason, ...given } = call.fields;
    const stated = { terms: alertTerms(given), from, until };
    assertEffective(from, until);
    return correctedTerms(core, call, subjectOf(alertId), { stated, reason });
  },
});

const zWhen = z.enum(ALERT_KINDS);

const zMarginAlert = z
  .object({
    alertId: z.string(),
    when: zWhen,
    percent: zQuantity,
    currency: z.string(),
    by: z.literal('tenant').nullable().describe('null: overall'),
    provider: z.string().nullable(),
    kind: z.string().nullable(),
    days: z.int().nullable(),
    minimum: zQuantity.nullable(),
    ...inForce,
  })
  .meta({ id: 'MarginAlert' });

const marginAlerts = defineQuery({
  name: 'margin-alerts',
  summary: 'The rules by which alerts about margin and cost are raised, with the periods in which they are in force',
  path: 'margin-alerts',
  params: zPage.extend({ alertId: zOptionalId, ...zAt }),
  roles: ADMIN,
  answer: listOf(zMarginAlert),
  example: {},
  async handle({ alertId, at, ...page }, { core, position }) {
    return pageOfRows({
      ...{ order: RULE_ORDER, page, position },
      read: async (rows) => readRulePage(core.db, position, { alertId, effectiveAt: at }, rows),
      toItems: (rows) =>
        rows.map((row) => {
          const { terms, period } = toRule(row);
          const { by = null, provider = null, kind = null, days = null, minimum = null, ...rest } = terms;
          return {
            ...{ alertId: row.alert_id, ...rest, by, provider, kind, days, minimum },
            ...{ effectiveFrom: period.start, effectiveUntil: period.end, period },
          };
        }),
    });
  },
});

const zAlert = z
  .object({
    id: z.string().describe('Derived from the rule, the period and what it is about: raised again, it is the same'),
    alertId: z.string().describe('The name of the rule'),
    when: zWhen,
    period: z.string().describe('A UTC month, 2026-04, or a UTC day, 2026-04-15'),
    currency: z.string(),
    tenantId: z.string().nullable().describe('null: overall, or a cost'),
    provider: z.string().nullable(),
    kind: z.string().nullable(),
    state: z.enum(['raised', 'cleared']),
    value: zQuantity
      .nullable()
      .describe('What raised it, in percent or points. null: revenue, cost or the average is not above 0'),
    threshold: zQuantity.describe('What it was compared with'),
    raisedAt: zPosition.describe('The position of the event that raised it'),
    clearedAt: zPosition.nullable().describe('The position of the event that cleared it. null: it is raised'),
    clearedValue: zQuantity.nullable().describe('The value then. null: it is raised, or there was none'),
  })
  .meta({ id: 'Alert' });

const quantity = (value: string | null): string | null => (value === null ? null : text(decimal(value)));

const alerts = defineQuery({
  name: 'alerts',
  summary: 'The alerts about margin and cost that were raised, and which of them were cleared',
  path: 'alerts',
  params: zPage.extend({ alertId: zOptionalId, state: z.enum(['raised', 'cleared']).optional() }),
  roles: ADMIN,
  answer: listOf(zAlert),
  example: { state: 'raised' },
  async handle({ alertId, state, ...page }, { core, position }) {
    return pageOfRows({
      ...{ order: ALERT_ORDER, page, position },
      read: async (rows) => readAlertPage(core.db, position, { alertId, state }, rows),
      toItems: (rows) =>
        rows.map((row) => ({
          ...{ id: row.id, alertId: row.alert_id, when: row.kind, period: row.period, currency: row.currency },
          ...{ tenantId: row.tenant_id, provider: row.provider, kind: row.cost_kind, state: row.state },
          ...{ value: quantity(row.value), threshold: text(decimal(row.threshold)) },
          ...{ raisedAt: row.raised_at, clearedAt: row.cleared_at, clearedValue: quantity(row.cleared_value) },
        })),
    });
  },
});

export const marginAlertOperations: Operations = {
  commands: [setMarginAlert, correctMarginAlert],
  queries: [marginAlerts, alerts],
};
