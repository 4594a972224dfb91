import { expect, it } from '@jest/globals';
import { type Fact, projected } from '../../test/support/projections.js';
import { commandsProjection } from './commands.projection.js';
import { commandKeys } from './commands.table.js';

const { given, when, rows } = projected(commandsProjection);

const by = (key: string, bodyHash: string, more: object = {}): Fact => ({
  CommandUnchanged: { command: 'run-metering' },
  metadata: { command: { name: 'run-metering', key, bodyHash, ...more } },
});

it('finds a command by its own key and by its idempotency key', async () => {
  await given(by('run-metering:2026-04-01', 'a1'));
  await when(by('run-metering:2026-04-02', 'b2', { idempotencyKey: 'k', result: { recordCount: 7 } }));

  const first = { key: 'run-metering:2026-04-01', command: 'run-metering', body_hash: 'a1' };
  const second = { command: 'run-metering', body_hash: 'b2', result: { recordCount: 7 } };
  expect(await rows(commandKeys)).toEqual([
    { ...second, key: 'idempotency:k' },
    first,
    { ...second, key: 'run-metering:2026-04-02' },
  ]);
  expect(await rows(commandKeys, 1)).toEqual([first]);
});

it('keeps the first event of a key, within a batch and after it', async () => {
  await given(by('k', 'a1'), by('k', 'b2'));
  await when(by('k', 'c3'));

  expect(await rows(commandKeys)).toEqual([{ key: 'k', command: 'run-metering', body_hash: 'a1' }]);
});

it('records the key of any event, and nothing for an event without one', async () => {
  await given({ TenantTaxSet: { tenantId: 't', name: 'VAT', ratePercent: '21', from: '2026-01-01T00:00:00Z' } });
  await when({
    TenantTaxSet: { tenantId: 't', name: 'VAT', ratePercent: '19', from: '2026-01-01T00:00:00Z' },
    metadata: { command: { name: 'set-tenant-tax', key: 'tax', bodyHash: 'a1' } },
  });

  expect(await rows(commandKeys)).toEqual([{ key: 'tax', command: 'set-tenant-tax', body_hash: 'a1' }]);
});
