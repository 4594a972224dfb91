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
const subscription = (subscriptionId: string, deploymentId: string) => ({
  ...{ command: 'start-subscription', subscriptionId, deploymentId, planId: 'p', from: '2026-04-01T00:00:00Z' },
});
/** For each group, the commands that each of its commands waits for. */
const waits = (...commands: unknown[]): (readonly number[])[][] =>
  [...groupsAtOnce(commands)].map((group) => group.commands.map(({ after }) => after));

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
    expect([...groupsAtOnce(commands)].flatMap((group) => group.commands.map(({ command }) => command))).toEqual(
      commands,
    );
  });

  it('lets commands with different subjects start at once', () => {
    expect(
      waits(tenant('a'), tenant('b'), deployment('d', 'c'), usage('e', '2026-04-01'), usage('f', '2026-04-01')),
    ).toEqual([[[], [], [], [], []]]);
  });

  it('lets a command wait for those that write what it reads or writes, or read what it writes', () => {
    expect(waits(tenant('a'), deployment('d', 'a'))).toEqual([[[], [0]]]);
    expect(waits(deployment('d', 'a'), tenant('a'))).toEqual([[[], [0]]]);
    expect(waits(tenant('a'), tenant('a'))).toEqual([[[], [0]]]);
    expect(waits(deployment('d', 'a'), usage('d', '2026-04-01'))).toEqual([[[], [0]]]);
    expect(waits(usage('d', '2026-04-01'), usage('e', '2026-04-01'), usage('d', '2026-04-02'))).toEqual([
      [[], [], [0]],
    ]);
    // The subscription and the usage of a deployment do not wait for each other.
    expect(
      waits(deployment('d', 'a'), subscription('s', 'd'), usage('d', '2026-04-01'), subscription('t', 'd')),
    ).toEqual([[[], [0], [0], [0, 1]]]);
    expect(waits(subscription('s', 'd'), deployment('d', 'a'), subscription('s', 'e'))).toEqual([[[], [0], [0]]]);
  });

  it('takes the locks of all commands of a group, and lets those of one key wait for each other', () => {
    const commands = [
      tenant('a', { idempotencyKey: 'k' }),
      subscription('s', 'd'),
      tenant('b', { idempotencyKey: 'k' }),
    ];
    const [group] = [...groupsAtOnce(commands, (key) => `own ${key}`)];
    expect(group?.commands.map(({ after }) => after)).toEqual([[], [], [0]]);
    expect(group?.locks).toEqual([
      { name: 'idempotency:own k', isShared: false },
      { name: 'subscription:s', isShared: false },
      { name: 'uses of plans', isShared: true },
    ]);
  });

  it('keeps separate a command that makes several appends, names no subject, or corrects', () => {
    expect(waits(usage('d', '2026-04-30', '2026-05-01'), usage('e', '2026-04-01'))).toEqual([[[]], [[]]]);
    expect(waits({ command: 'start-subscription', subscriptionId: 's' }, tenant('a'), { command: 'x' }, 7)).toEqual([
      ...[[[]], [[]], [[]], [[]]],
    ]);
    expect(waits({ command: 'correct-usage', deploymentId: 'd' }, tenant('a', { idempotencyKey: '' }))).toEqual([
      ...[[[]], [[]]],
    ]);
  });

  it('groups at most 128 commands, of which 32 start at once', () => {
    const groups = waits(...Array.from({ length: 300 }, (_, index) => tenant(`t${index}`)));
    expect(groups.map(({ length }) => length)).toEqual([128, 128, 44]);
    expect(groups[0]?.slice(31, 34)).toEqual([[], [31], [31]]);
    expect(groups[0]?.at(-1)).toEqual([95]);
    // It waits for its turn, and needs none of them.
    const [group] = groupsAtOnce(Array.from({ length: 33 }, (_, index) => tenant(`t${index}`)));
    expect(group?.commands.at(-1)).toMatchObject({ needs: [], after: [31] });
  });
});
