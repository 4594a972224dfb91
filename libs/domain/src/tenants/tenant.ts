import { z } from 'zod';
import { conflict, notFound } from '../errors.js';
import { correctionFields, type EventOf, type IdSchema, zCurrency, zDecimal, zId, zInstant, zText } from '../schema.js';
import { streamName } from '../stream-name.js';
import { changedValues, type Fact, firstDifference, replacedOver, valueAt } from '../time/dated.js';
import type { Correction } from '../correction.js';
import { FROM_EVER, type Instant } from '../time/instant.js';
import { assertEffective } from '../time/period.js';

/** A tenant: who is billed. One stream has all decisions about it. */
export const tenantStream = (tenantId: string): string => streamName('tenant', [tenantId]);

// Stored permanently. A name is personal data: it is in a table from which it can be erased. The event has a reference
// to it and a salted hash.
export const tenantEventsWith = (zId: IdSchema) => ({
  TenantRegistered: z.object({
    tenantId: zId,
    currency: zCurrency,
    timeZone: z.string(),
    detailsRef: z.uuid(),
    detailsHash: z.string(),
    /** Further currencies that it is billed in. Absent: none. */
    currencies: z.array(zCurrency).optional(),
    /** The days from issue until an invoice is due. Absent: invoices have no due date. */
    paymentTermsDays: z.number().int().nonnegative().optional(),
  }),
  TenantTaxSet: z.object({ tenantId: zId, name: zText, ratePercent: zDecimal, from: zInstant }),
  /** For periods that end at or after `from`: how long their last part waits for late usage before it is billed. */
  TenantGracePeriodSet: z.object({ tenantId: zId, hours: z.number().int().nonnegative(), from: zInstant }),
  /** The tenant as it is true now. */
  TenantCorrected: z.object({
    tenantId: zId,
    timeZone: z.string(),
    detailsRef: z.uuid(),
    detailsHash: z.string(),
    taxes: z.array(z.object({ name: zText, ratePercent: zDecimal, from: zInstant })),
    gracePeriods: z.array(z.object({ hours: z.number().int().nonnegative(), from: zInstant })),
    currencies: z.array(zCurrency).optional(),
    paymentTermsDays: z.number().int().nonnegative().optional(),
    /** The tax that the correction states, and its period. Absent: none, or an early version recorded it. */
    statedTax: z.object({ name: zText, ratePercent: zDecimal, from: zInstant, until: zInstant.nullable() }).optional(),
    ...correctionFields,
  }),
});
export const tenantEvents = tenantEventsWith(zId);
export type TenantEvent = EventOf<typeof tenantEventsWith>;

/** Whether the platform knows the IANA time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export interface TaxRate {
  readonly name: string;
  readonly ratePercent: string;
  readonly from: Instant;
}

export interface GracePeriod {
  readonly hours: number;
  readonly from: Instant;
}

/** The tax in force at an instant; null if the tenant has none yet. */
export const taxAt = (taxes: readonly TaxRate[], at: Instant): TaxRate | null => valueAt(taxes, at);

/** The grace period in hours of a period that ends at an instant; default 0. */
export const graceHoursAt = (periods: readonly GracePeriod[], end: Instant): number =>
  valueAt(periods, end)?.hours ?? 0;

/** A tenant, as its events describe it. */
export interface Tenant {
  readonly tenantId: string;
  readonly currency: string;
  /** Further currencies that it is billed in. */
  readonly currencies: readonly string[];
  readonly timeZone: string;
  readonly detailsRef: string;
  readonly detailsHash: string;
  readonly taxes: readonly TaxRate[];
  readonly gracePeriods: readonly GracePeriod[];
  readonly paymentTermsDays: number | null;
}

export function foldTenant(events: Iterable<TenantEvent>): Tenant | null {
  let tenant: Tenant | null = null;
  for (const event of events) tenant = evolve(tenant, event);
  return tenant;
}

function evolve(tenant: Tenant | null, event: TenantEvent): Tenant | null {
  if (event.type === 'TenantRegistered') return registered(event.data);
  if (tenant === null) return null;
  switch (event.type) {
    case 'TenantTaxSet': {
      const { tenantId: _, ...tax } = event.data;
      return { ...tenant, taxes: replacedOver(tenant.taxes, tax, null, () => null) };
    }
    case 'TenantGracePeriodSet': {
      const { tenantId: _, ...grace } = event.data;
      return { ...tenant, gracePeriods: replacedOver(tenant.gracePeriods, grace, null, () => null) };
    }
    case 'TenantCorrected': {
      const { timeZone, detailsRef, detailsHash, taxes, gracePeriods, paymentTermsDays = null } = event.data;
      const { currencies = [] } = event.data;
      return { ...tenant, currencies, timeZone, detailsRef, detailsHash, taxes, gracePeriods, paymentTermsDays };
    }
  }
}

/**
 * The tenant as it would be recorded without some of its events. Corrections stay, over the periods that they state.
 * What earlier withdrawals came to is computed again.
 */
export function foldTenantWithout(events: Iterable<TenantEvent>, never: ReadonlySet<TenantEvent>): Tenant | null {
  let recorded: Tenant | null = null;
  let left: Tenant | null = null;
  for (const event of events) {
    if (event.type === 'TenantCorrected') left = corrected(left, event, recorded);
    else if (!never.has(event)) left = evolve(left, event);
    recorded = evolve(recorded, event);
  }
  return left;
}

/** An early version did not record what a correction states: then it is what the correction changed. */
function corrected(
  left: Tenant | null,
  event: Extract<TenantEvent, { type: 'TenantCorrected' }>,
  recorded: Tenant | null,
): Tenant | null {
  const { taxes, statedTax, withdrawn } = event.data;
  const after = evolve(left, event);
  if (left === null || after === null || recorded === null || withdrawn !== undefined) return left;
  const stated =
    statedTax === undefined
      ? changedValues(recorded.taxes, taxes, (a, b) => a.name === b.name && a.ratePercent === b.ratePercent)
      : [{ value: statedTax, until: statedTax.until }];
  return stated.reduce((tenant, { value, until }) => withTaxOver(tenant, { ...value, until }), {
    ...after,
    ...{ taxes: left.taxes, gracePeriods: left.gracePeriods },
  });
}

function registered(data: Extract<TenantEvent, { type: 'TenantRegistered' }>['data']): Tenant {
  const { currencies = [], paymentTermsDays = null, ...tenant } = data;
  return { ...tenant, currencies, taxes: [], gracePeriods: [], paymentTermsDays };
}

/** The currencies that a tenant is billed in, its own first. */
export const currenciesOf = ({ currency, currencies }: Pick<Tenant, 'currency' | 'currencies'>): readonly string[] => [
  ...new Set([currency, ...currencies]),
];

/** A tax over a period; until null: until the next change. */
export interface StatedTax extends TaxRate {
  readonly until: Instant | null;
}

/**
 * Corrects a tenant. Nothing happens if it is right already, but a withdrawal is recorded always. A currency is only
 * ever added: an invoice, a plan or a credit may be in those that it has. Errors: `currency_in_use`.
 */
export function correctTenant(
  before: Tenant,
  after: Tenant,
  correction: Correction,
  statedTax: StatedTax | null = null,
): TenantEvent[] {
  if (correction.withdrawn === undefined && JSON.stringify(after) === JSON.stringify(before)) return [];
  const kept = currenciesOf(after);
  const lost = currenciesOf(before).filter((each) => !kept.includes(each));
  if (lost.length > 0)
    throw conflict(
      'currency_in_use',
      `tenant ${before.tenantId} is billed in ${lost.join(' and ')}: an invoice, a plan or a credit may be in it. ` +
        `Give it with the currencies to add`,
      [{ field: 'currencies', message: `must include ${lost.join(' and ')}` }],
    );
  const { currency: _, currencies, taxes, gracePeriods, paymentTermsDays, ...state } = after;
  const data = {
    ...state,
    ...{ taxes: [...taxes], gracePeriods: [...gracePeriods] },
    ...(currencies.length === 0 ? {} : { currencies: [...currencies] }),
    ...(paymentTermsDays === null ? {} : { paymentTermsDays }),
    ...(statedTax === null ? {} : { statedTax }),
    changedFrom: firstDifference(factsOf(before), factsOf(after)),
    ...correction,
  };
  return [{ type: 'TenantCorrected', data }];
}

/** What amounts depend on: taxes, and the time zone and the currencies, which have always held. */
const factsOf = ({ timeZone, currencies, taxes }: Tenant): Fact[] => [
  { text: `time zone ${timeZone}`, from: FROM_EVER },
  ...currencies.map((currency) => ({ text: `currency ${currency}`, from: FROM_EVER })),
  ...taxes.map((tax) => ({ text: `${tax.ratePercent} from ${tax.from}`, from: tax.from })),
];

/** The name of the tax that a correction from an instant on is about. Errors: `unknown_tax`. */
export function nameOfTax({ tenantId, taxes }: Tenant, from: Instant): string {
  const name = taxAt(taxes, from)?.name ?? taxes[0]?.name;
  if (name === undefined)
    throw notFound('unknown_tax', `tenant ${tenantId} has no tax to correct: use set-tax, or give its name`);
  return name;
}

/** The tenant with a tax over a period; without an end it holds until the next change. Errors: `empty_period`. */
export function withTaxOver(tenant: Tenant, { name, ratePercent, from, until }: StatedTax): Tenant {
  assertEffective(from, until);
  const none = (at: Instant): TaxRate => ({ name, ratePercent: '0', from: at });
  return { ...tenant, taxes: replacedOver(tenant.taxes, { name, ratePercent, from }, until, none) };
}

/** Refuses a second registration of a tenant with other details. */
export function assertNotRegistered(registered: boolean, tenantId: string): void {
  if (registered) throw conflict('tenant_exists', `tenant ${tenantId} is registered already, with other details`);
}
