import { z } from 'zod';
import { type FieldError, invalid } from '../errors.js';
import { decimal, ZERO } from '../money/decimal.js';
import { type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant } from '../schema.js';
import { streamName } from '../stream-name.js';
import { correctedFields, setFields } from '../terms/terms.js';

/** A rule of margin alerts, and the alerts that were raised by it. */
export const alertStream = (alertId: string): string => streamName('alert', [alertId]);

export const ALERT_KINDS = ['margin_below', 'margin_drop', 'unattributed_above', 'cost_off_average'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** How many days an average may have. */
const MOST_AVERAGED_DAYS = 92;

const termsWith = (zId: IdSchema) => ({
  when: z
    .enum(ALERT_KINDS)
    .describe(
      'margin_below: the margin of a month is below percent. margin_drop: it is more than percent points below the' +
        ' margin of the month before. unattributed_above: more than percent of the cost of a month has no tenant.' +
        ' cost_off_average: the cost of a provider’s kind on a day differs by more than percent from its average over' +
        ' the days before',
    ),
  percent: zDecimal.describe('The percentage or the points that the rule compares with'),
  currency: zCurrency,
  /** Absent: the margin overall. */
  by: z.literal('tenant').describe('For margins: of each tenant. Default: overall').optional(),
  provider: zId.describe('For cost_off_average: only of this provider').optional(),
  kind: zId.describe('For cost_off_average: only of this kind of the provider').optional(),
  days: z
    .int()
    .min(1)
    .max(MOST_AVERAGED_DAYS)
    .describe('For cost_off_average: the number of days before that are averaged')
    .optional(),
  minimum: zDecimal
    .describe('For cost_off_average: no alert is raised if the cost and its average are both smaller')
    .optional(),
});

const subjectWith = (zId: IdSchema) => ({
  alertId: zId,
  /** Derived from the rule, the period and what the alert is about: raised again, it has the same id. */
  id: z.uuid(),
  when: z.enum(ALERT_KINDS),
  /** A UTC month, 2026-04, or a UTC day, 2026-04-15. */
  period: z.string(),
  currency: zCurrency,
  tenantId: zId.nullable(),
  provider: zId.nullable(),
  kind: zId.nullable(),
  /** The log position that the value was computed from, and the instant. */
  computedAt: z.number().int().nonnegative(),
  at: zInstant,
});

// Stored permanently.
export const alertEventsWith = (zId: IdSchema) => ({
  MarginAlertSet: z.object({ alertId: zId, ...setFields(z.strictObject(termsWith(zId))) }),
  /** The rule as it is true now. */
  MarginAlertCorrected: z.object({ alertId: zId, ...correctedFields(z.strictObject(termsWith(zId))) }),
  /** The value and what it was compared with, in percent or points. value null: revenue, cost or the average
   * is not above 0. */
  AlertRaised: z.object({ ...subjectWith(zId), value: zDecimal.nullable(), threshold: zDecimal }),
  AlertCleared: z.object({
    ...subjectWith(zId),
    /** null: there is no such value any more, or no such rule. */
    value: zDecimal.nullable(),
    /** The position of the event that raised it. */
    raisedAt: z.number().int().positive(),
  }),
});
export const alertEvents = alertEventsWith(zId);
export type AlertEvent = EventOf<typeof alertEventsWith>;

export const zAlertTerms = z.strictObject(termsWith(zId));
export type AlertTerms = z.infer<typeof zAlertTerms>;

/** The kinds of rules that judge margins. */
export const MARGINS: readonly AlertKind[] = ['margin_below', 'margin_drop'];

/** What is stated, in the order of its fields. Errors: `invalid_alert`. */
export function alertTerms({ when, percent, currency, by, provider, kind, days, minimum }: AlertTerms): AlertTerms {
  const isAverage = when === 'cost_off_average';
  const errors: FieldError[] = [
    ...(when !== 'margin_below' && decimal(percent).lte(ZERO) ? [fault('percent', 'must be above 0')] : []),
    ...(by !== undefined && !MARGINS.includes(when) ? [fault('by', `is only for ${MARGINS.join(' and ')}`)] : []),
    ...(isAverage && days === undefined ? [fault('days', 'is missing: cost_off_average needs it')] : []),
    ...(isAverage && minimum === undefined ? [fault('minimum', 'is missing: cost_off_average needs it')] : []),
    ...(minimum !== undefined && decimal(minimum).lt(ZERO) ? [fault('minimum', 'must not be below 0')] : []),
    ...Object.entries({ provider, kind, days, minimum }).flatMap(([field, value]) =>
      !isAverage && value !== undefined ? [fault(field, 'is only for cost_off_average')] : [],
    ),
  ];
  const [first] = errors;
  if (first !== undefined) throw invalid('invalid_alert', `${first.field}: ${first.message}`, errors);
  return {
    ...{ when, percent, currency },
    ...(by === undefined ? {} : { by }),
    ...(provider === undefined ? {} : { provider }),
    ...(kind === undefined ? {} : { kind }),
    ...(days === undefined ? {} : { days }),
    ...(minimum === undefined ? {} : { minimum }),
  };
}

const fault = (field: string, message: string): FieldError => ({ field, message });
