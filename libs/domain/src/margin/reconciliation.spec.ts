import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimal, divide, integer, sum, text, ZERO } from '../money/decimal.js';
import { reconciledBills, type ResourceInMonth, untied } from './reconciliation.js';

const zBill = fc.record({
  provider: fc.constantFrom('aws', 'gcp'),
  invoiceRef: fc.constantFrom('1', '1 2026-04', '1 2026-04 A', '1 2026-04 B', '2 2026-04'),
});
const cents = fc.integer({ min: -500, max: 500 }).map((value) => divide(integer(value), integer(100), 2));
const unique = <Of extends { readonly provider: string; readonly invoiceRef: string }>(of: fc.Arbitrary<Of>) =>
  fc.uniqueArray(of, { selector: ({ provider, invoiceRef }) => `${provider} ${invoiceRef}`, maxLength: 8 });

it('counts each invoice once, whatever totals are recorded', () => {
  const bills = unique(fc.tuple(zBill, cents, cents).map(([ref, net, tax]) => ({ ...ref, lines: 1, net, tax })));
  const totals = unique(
    fc.tuple(zBill, cents, cents).map(([ref, total, tax]) => ({ ...ref, month: '2026-04', total, tax })),
  );
  fc.assert(
    fc.property(bills, totals, (billed, stated) => {
      const rows = reconciledBills(billed, stated);
      expect(text(sum(rows.map(({ net }) => net)))).toBe(text(sum(billed.map(({ net }) => net))));
      expect(text(sum(rows.map(({ tax }) => tax)))).toBe(text(sum(billed.map(({ tax }) => tax))));
      expect(rows.flatMap(({ provider, invoices }) => invoices.map((ref) => `${provider} ${ref}`)).sort()).toEqual(
        billed.map(({ provider, invoiceRef }) => `${provider} ${invoiceRef}`).sort(),
      );
      // Imported = stated + difference.
      for (const { net, tax, stated: total, difference } of rows)
        if (total !== null) expect(text(total.total.plus(difference ?? ZERO))).toBe(text(net.plus(tax)));
    }),
  );
});

const vm = (resourceId: string, more: Partial<ResourceInMonth> = {}): ResourceInMonth => ({
  ...{ provider: 'aws', resourceId, kind: 'droplet', deploymentId: 'd', tenantId: 't' },
  ...{ isThere: true, isMetered: true, ...more },
});
const cost = (resourceId: string, amount = '1') => ({
  ...{ provider: 'aws', resourceId, kind: 'ec2', lines: 1, amount: decimal(amount) },
});
const used = (resourceId: string, quantity: string, provider = 'aws') => ({
  ...{ deploymentId: 'd', billingKind: 'hours', provider, resourceId, quantity: decimal(quantity), readings: 1 },
});

it('says why a resource that costs has no usage', () => {
  const reasons = (resource: ResourceInMonth, usage: ReturnType<typeof used>[]) =>
    untied([cost('vm')], [], [resource], usage).costWithoutUsage.map(({ reason }) => reason);
  expect(reasons(vm('vm'), [used('vm', '24')])).toEqual([]);
  // A reading without a provider is of any.
  expect(reasons(vm('vm'), [used('vm', '24', '')])).toEqual([]);
  expect(reasons(vm('vm'), [used('vm', '0')])).toEqual(['off']);
  expect(reasons(vm('vm'), [])).toEqual(['no_readings']);
  expect(reasons(vm('vm', { isMetered: false }), [])).toEqual(['kind_not_metered']);
  expect(reasons(vm('vm', { deploymentId: null }), [])).toEqual(['no_deployment']);
});

it('does not list a resource that was not there, and counts a cost of 0 as none', () => {
  const known = [vm('free'), vm('gone', { isThere: false })];
  const of = untied([cost('free', '0'), cost('unknown', '0')], [cost('free', '0')], known, [used('free', '24')]);
  expect(of.costWithoutInventory).toEqual([]);
  expect(of.inventoryWithoutCost.map(({ resourceId }) => resourceId)).toEqual(['free']);
  expect(of.usageWithoutCost.map(({ resourceId }) => resourceId)).toEqual(['free']);
  expect(of.costWithoutUsage).toEqual([]);
});

it('counts a cost in another currency, and lists it only there', () => {
  const of = untied([], [cost('vm'), cost('unknown')], [vm('vm')], [used('vm', '24', '')]);
  expect(of).toEqual({
    costWithoutInventory: [],
    inventoryWithoutCost: [],
    usageWithoutCost: [],
    costWithoutUsage: [],
  });
});

it('lists nothing of resources that cost, are known and are used', () => {
  const ids = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd'));
  fc.assert(
    fc.property(ids, ids, ids, (costs, known, usage) => {
      const of = untied(
        costs.map((id) => cost(id)),
        [],
        known.map((id) => vm(id)),
        usage.map((id) => used(id, '1')),
      );
      const without = (some: string[], others: string[]) => some.filter((id) => !others.includes(id));
      const idsOf = (items: readonly { readonly resourceId: string }[]) => items.map(({ resourceId }) => resourceId);
      expect(idsOf(of.costWithoutInventory)).toEqual(without(costs, known));
      expect(idsOf(of.inventoryWithoutCost)).toEqual(without(known, costs));
      expect(idsOf(of.usageWithoutCost)).toEqual(without(usage, costs));
      expect(idsOf(of.costWithoutUsage)).toEqual(without(costs, usage).filter((id) => known.includes(id)));
    }),
  );
});
