import { describe, expect, it } from '@jest/globals';
import { groupsAtOnce } from './at-once.js';

const tenant = (tenantId: string, more: object = {}) => ({
  command: 'register-tenant',
  tenantId,
  name: tenantId,
  currency: 'USD',
  ...more,
});
const deployment = (deploymentId: string, tenantId: string) => ({
  command: 'register-deployment',
  deploymentId,
  tenantId,
  name: deploymentId,
  from: '2026-04-01T00:00:00Z',
});
const usage = (deploymentId: string, ...days: string[]) => ({
  command: 'observe-usage',
  deploymentId,
  observations: days.map((day) => ({
    resourceId: 'r',
    billingKind: 'k',
    period: { start: `${day}T00:00:00Z`, end: `${day}T01:00:00Z` },
    granularity: 'hour',
    quantity: '1',
  })),
});
const sizes = (...commands: unknown[]): number[] => [...groupsAtOnce(commands)].map(({ length }) => length);

describe('groupsAtOnce', () => {
  it('keeps every command, in order', () => {
    const commands = [
      tenant('a'),
      tenant('b'),
      'no command',
      null,
      deployment('d', 'a'),
      { command: 'create-invoice', tenantId: 'a' },
      usage('d', '2026-04-01'),
    ];
    expect([...groupsAtOnce(commands)].flat()).toEqual(commands);
  });

  it('groups commands with different subjects', () => {
    expect(
      sizes(tenant('a'), tenant('b'), deployment('d', 'c'), usage('e', '2026-04-01'), usage('f', '2026-04-01')),
    ).toEqual([5]);
  });

  it('separates commands that write what another reads or writes', () => {
    expect(sizes(tenant('a'), deployment('d', 'a'))).toEqual([1, 1]);
    expect(sizes(deployment('d', 'a'), tenant('a'))).toEqual([1, 1]);
    expect(sizes(tenant('a'), tenant('a'))).toEqual([1, 1]);
    expect(sizes(deployment('d', 'a'), usage('d', '2026-04-01'))).toEqual([1, 1]);
    expect(sizes(usage('d', '2026-04-01'), usage('e', '2026-04-01'), usage('d', '2026-04-02'))).toEqual([2, 1]);
  });

  it('keeps separate a command that holds a lock, makes several appends, or names no subject', () => {
    expect(sizes(tenant('a'), tenant('b', { idempotencyKey: 'k' }), tenant('c'))).toEqual([1, 1, 1]);
    expect(sizes(usage('d', '2026-04-30', '2026-05-01'), usage('e', '2026-04-01'))).toEqual([1, 1]);
    expect(
      sizes({ command: 'start-subscription', subscriptionId: 's' }, tenant('a'), { command: 'register-tenant' }, 7),
    ).toEqual([1, 1, 1, 1]);
  });

  it('groups at most 32 commands', () => {
    expect(sizes(...Array.from({ length: 70 }, (_, index) => tenant(`t${index}`)))).toEqual([32, 32, 6]);
  });
});
