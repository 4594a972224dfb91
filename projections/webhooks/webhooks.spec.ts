import { expect, it } from '@jest/globals';
import { projected } from '../../test/support/projections.js';
import { webhooksProjection } from './webhooks.projection.js';
import { webhooks } from './webhooks.table.js';

const { given, when, rows } = projected(webhooksProjection);

it('keeps an endpoint with what happened to it', async () => {
  const reason = 'moved';
  await given({ WebhookRegistered: { webhookId: 'w', url: 'https://a.example/', tenantId: 't', after: 7 } });
  await when(
    { WebhookChanged: { webhookId: 'w', url: 'https://b.example/', types: ['invoice.issued'], reason } },
    { WebhookSecretRotated: { webhookId: 'w', reason } },
    { WebhookPaused: { webhookId: 'w', reason } },
    { WebhookReplayed: { webhookId: 'w', after: 3, reason } },
  );

  const registered = {
    ...{ webhook_id: 'w', url: 'https://a.example/', tenant_id: 't', state: 'active' },
    ...{ after_position: 7, replays: 0, secret_number: 1, registered_at: expect.any(String) },
  };
  expect(await rows(webhooks, 1)).toEqual([registered]);
  const changed = {
    ...{ ...registered, url: 'https://b.example/', types: ['invoice.issued'], state: 'paused', reason },
    ...{ after_position: 3, replays: 1, secret_number: 2, rotated_at: expect.any(String) },
  };
  expect(await rows(webhooks)).toEqual([changed]);
  await when({ WebhookResumed: { webhookId: 'w', reason } });
  expect(await rows(webhooks)).toEqual([{ ...changed, state: 'active' }]);
  await when({ WebhookRemoved: { webhookId: 'w', reason } });
  expect(await rows(webhooks)).toEqual([{ ...changed, state: 'removed' }]);
});
