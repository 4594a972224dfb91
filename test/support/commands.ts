/**
 * The commands of most stories: a tenant on a plan from 1 April 2026. Names are the ids; `more` adds to the body, or
 * takes its place.
 */

const APRIL = '2026-04-01T00:00:00Z';

export const tenant = (tenantId: string, more: object = {}) => ({
  command: 'register-tenant',
  tenantId,
  name: tenantId,
  currency: 'USD',
  ...more,
});

export const deployment = (deploymentId: string, tenantId: string, more: object = {}) => ({
  command: 'register-deployment',
  deploymentId,
  tenantId,
  name: deploymentId,
  from: APRIL,
  ...more,
});

export const plan = (planId: string, baseFee: string, items: readonly object[], more: object = {}) => ({
  command: 'publish-plan',
  planId,
  name: planId,
  currency: 'USD',
  baseFee,
  paymentTerm: 'in_advance',
  effectiveFrom: '2026-01-01T00:00:00Z',
  items,
  ...more,
});

export const subscription = (subscriptionId: string, deploymentId: string, planId: string, more: object = {}) => ({
  command: 'start-subscription',
  subscriptionId,
  deploymentId,
  planId,
  from: APRIL,
  ...more,
});
