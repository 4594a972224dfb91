import type { Kysely } from 'kysely';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { WebhookRow } from './webhooks.table.js';

export const WEBHOOK_ORDER = keyset<WebhookRow>({ webhook_id: 'text' });

/** Endpoints that were not removed, in the order of their list. */
export const readWebhookPage = async (
  db: Kysely<ReadModels>,
  position: number,
  { after, limit }: Rows,
): Promise<WebhookRow[]> =>
  db
    .selectFrom('webhooks')
    .selectAll()
    .where(at(position))
    .where('state', '<>', 'removed')
    .where(WEBHOOK_ORDER.after(after))
    .orderBy(WEBHOOK_ORDER.order())
    .limit(limit)
    .execute();

/** All endpoints, also removed ones. */
export const readWebhooks = async (db: Kysely<ReadModels>, position: number): Promise<History<WebhookRow>[]> =>
  db.selectFrom('webhooks').selectAll().where(at(position)).orderBy('webhook_id').execute();

/** undefined: no endpoint was registered with the id. */
export const readWebhook = async (
  db: Kysely<ReadModels>,
  position: number,
  webhookId: string,
): Promise<WebhookRow | undefined> =>
  db.selectFrom('webhooks').selectAll().where(at(position)).where('webhook_id', '=', webhookId).executeTakeFirst();

/**
 * The lowest position after which messages were asked for: by the replays of an endpoint after one number of them, up
 * to another; -1: by its registration too. undefined: by none.
 */
export async function readLowestAfter(
  db: Kysely<ReadModels>,
  webhookId: string,
  replays: { readonly after: number; readonly upTo: number },
): Promise<number | undefined> {
  const row = await db
    .selectFrom('webhooks')
    .select('after_position')
    .where('webhook_id', '=', webhookId)
    .where('replays', '>', replays.after)
    .where('replays', '<=', replays.upTo)
    .orderBy('after_position')
    .limit(1)
    .executeTakeFirst();
  return row?.after_position;
}
