import type { Kysely } from 'kysely';
import { at } from '#read-model/at';
import { keyset, type Rows } from '#read-model/keyset';
import type { History, ReadModels } from '#read-model/read-models';
import type { TokenRow } from './tokens.table.js';

export const TOKEN_ORDER = keyset<TokenRow>({ token_id: 'text' });

/** Tokens in the order of their list. */
export const readTokenPage = async (
  db: Kysely<ReadModels>,
  position: number,
  { after, limit }: Rows,
): Promise<History<TokenRow>[]> =>
  db
    .selectFrom('tokens')
    .selectAll()
    .where(at(position))
    .where(TOKEN_ORDER.after(after))
    .orderBy(TOKEN_ORDER.order())
    .limit(limit)
    .execute();
