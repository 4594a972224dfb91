import { describe, expect, it } from '@jest/globals';
import type { ResourceState } from '../inventory/resource.js';
import { instant } from '../time/instant.js';
import { idleAt, type ReadSpan } from './idle.js';

const AT = instant('2026-04-02T00:00:00Z');
const DAY = { start: AT, end: instant('2026-04-03T00:00:00Z') };
const BEFORE = { start: instant('2026-04-01T00:00:00Z'), end: AT };
const state = (more: Partial<ResourceState> = {}): ResourceState => ({
  ...{ kind: 'droplet', status: 'active', sizeGb: null, deploymentId: 'd', tenantId: null, ...more },
});
const read = (billingKind: string, isUsed: boolean, period = DAY): ReadSpan => ({ billingKind, isUsed, period });
const idle = (of: ResourceState | null, spans: ReadSpan[] = [], ...billingKinds: string[]) =>
  idleAt(AT, { state: of, spans, billingKinds });

describe('without readings, a resource', () => {
  it.each<[string, ResourceState | null, ReturnType<typeof idleAt>]>([
    ['that is active in a deployment is not idle', state(), null],
    ['in no deployment is unsold, whoever owns it', state({ deploymentId: null, tenantId: 't' }), 'unsold'],
    ['in no deployment is unsold, on or off', state({ deploymentId: null, status: 'off' }), 'unsold'],
    ['counted by the hour is off unless it is active', state({ status: 'archive' }), 'off'],
    // As metering: a zone or a bucket counts with any status.
    ['counted by the month is never off', state({ kind: 'dns_zone', status: 'off' }), null],
    ['of another kind is off if its status says so', state({ kind: 'load_balancer', status: 'off' }), 'off'],
    ['of another kind with another status is not', state({ kind: 'load_balancer', status: 'new' }), null],
    ['that was never seen is not idle', null, null],
  ])('%s', (_, of, expected) => {
    expect(idle(of)).toBe(expected);
  });
});

describe('readings decide', () => {
  it('a resource whose readings are 0 is off, whatever the inventory says', () => {
    expect(idle(state(), [read('cpu', false)])).toBe('off');
    expect(idle(null, [read('cpu', false)])).toBe('off');
  });

  it('a resource with a reading other than 0 is not idle, whatever the inventory says', () => {
    expect(idle(state({ status: 'off' }), [read('cpu', true), read('disk', false)])).toBe(null);
    expect(idle(state({ deploymentId: null }), [read('cpu', true)])).toBe(null);
  });

  it('only over their periods, the end not included', () => {
    expect(idle(state(), [read('cpu', false, BEFORE)])).toBe(null);
    expect(idle(state({ status: 'off' }), [read('cpu', true, BEFORE)])).toBe('off');
  });

  it('only those of the billing kinds that the cost is for', () => {
    const spans = [read('cpu', false), read('backup', true)];
    expect(idle(state(), spans, 'cpu')).toBe('off');
    expect(idle(state(), spans, 'backup')).toBe(null);
    expect(idle(state(), spans, 'other')).toBe(null);
    expect(idle(state(), spans)).toBe(null);
  });
});
