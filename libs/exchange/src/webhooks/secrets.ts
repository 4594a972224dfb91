import { createHmac, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { Webhook as Signer } from 'standardwebhooks';
import { isBefore, type Instant, plusHours } from '#domain/time/instant';
import { IN_PRIVATE_SCHEMA } from '#ledger/private-texts';

/** After a rotation, messages are signed with both secrets for so long. */
const BOTH_HOURS = 24;
const KEYS = 'ledgerline_private.webhook_key';

/** What the secrets of an endpoint depend on. */
export interface Signing {
  readonly webhook_id: string;
  /** Counts its secrets, from 1. */
  readonly secret_number: number;
  readonly rotated_at: Instant | null;
}

/**
 * The secrets that messages are signed with. They are derived from a random key that only the database has, so that
 * the log holds none of them.
 */
export class WebhookSecrets {
  private key: Promise<Buffer> | undefined;

  constructor(private readonly pool: pg.Pool) {}

  async migrate(): Promise<void> {
    await this.pool.query(
      `${IN_PRIVATE_SCHEMA} CREATE TABLE IF NOT EXISTS ${KEYS} (key bytea NOT NULL,` +
        ' is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only))',
    );
  }

  /** The secret as receivers enter it: `whsec_…`. */
  async current({ webhook_id, secret_number }: Signing): Promise<string> {
    return this.secret(webhook_id, secret_number);
  }

  /** The headers of Standard Webhooks. `at`: when the message is sent. */
  async headers(signing: Signing, messageId: string, body: string, at: Instant): Promise<Record<string, string>> {
    const date = new Date(at);
    const secrets = await this.valid(signing, at);
    return {
      'content-type': 'application/json',
      'user-agent': 'Ledgerline-Webhooks',
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(date.getTime() / 1000)),
      'webhook-signature': secrets.map((secret) => new Signer(secret).sign(messageId, date, body)).join(' '),
    };
  }

  /** The last secret, and for a day after a rotation the one before it. */
  private async valid({ webhook_id, secret_number, rotated_at }: Signing, at: Instant): Promise<string[]> {
    const isBoth = rotated_at !== null && isBefore(at, plusHours(rotated_at, BOTH_HOURS));
    const numbers = isBoth ? [secret_number, secret_number - 1] : [secret_number];
    return Promise.all(numbers.map(async (number) => this.secret(webhook_id, number)));
  }

  private async secret(webhookId: string, number: number): Promise<string> {
    const key = await (this.key ??= this.readKey());
    return `whsec_${createHmac('sha256', key)
      .update(JSON.stringify([webhookId, number]))
      .digest('base64')}`;
  }

  /** The first process that needs a key makes it. */
  private async readKey(): Promise<Buffer> {
    try {
      return (await this.storedKey()) ?? (await this.madeKey());
    } catch (error) {
      this.key = undefined;
      throw error;
    }
  }

  private async madeKey(): Promise<Buffer> {
    await this.pool.query(`INSERT INTO ${KEYS} (key) VALUES ($1) ON CONFLICT DO NOTHING`, [randomBytes(32)]);
    const key = await this.storedKey();
    if (key === undefined) throw new Error(`${KEYS} is empty`);
    return key;
  }

  private async storedKey(): Promise<Buffer | undefined> {
    const { rows } = await this.pool.query<{ key: Buffer }>(`SELECT key FROM ${KEYS}`);
    return rows[0]?.key;
  }
}
