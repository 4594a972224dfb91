import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';

/**
 * An unknown key id fetches the keys again, at most once in this time: a new key works at once, and nobody can cause
 * many requests.
 */
const COOLDOWN_MS = 1000;

/** Keys of this age are fetched again before they are used: a withdrawn key stops within a minute. */
const FRESH_MS = 50_000;

/** A provider that does not answer must not stop all requests: the last keys are kept, but no longer than this. */
const KEPT_MS = 600_000;
/** Until the next attempt, requests do not wait for such a provider. */
const RETRY_AFTER_MS = 5000;

/** The keys that an identity provider publishes as a JWKS. */
export class PublishedKeys {
  private readonly keys: ReturnType<typeof createRemoteJWKSet>;
  private fetchedAt: number | undefined;
  private nextAt = Number.NEGATIVE_INFINITY;
  private isFailing = false;

  constructor(url: string) {
    // The age is measured here, by the clock of the application.
    this.keys = createRemoteJWKSet(new URL(url), {
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: Number.POSITIVE_INFINITY,
    });
  }

  /** The keys that are published at this instant. Errors: those of the request for them. */
  async at(now: Date): Promise<JWTVerifyGetKey> {
    const time = now.getTime();
    if (time < this.nextAt) return this.keys;
    this.nextAt = time + RETRY_AFTER_MS;
    const fetched = this.fetch(time);
    const isKept = this.fetchedAt !== undefined && time < this.fetchedAt + KEPT_MS;
    // One request finds out that the provider does not respond. After that nobody waits for it while the keys are kept.
    if (isKept && this.isFailing) void fetched.catch(() => undefined);
    else
      await fetched.catch((error: unknown) => {
        if (!isKept) throw error;
      });
    return this.keys;
  }

  private async fetch(time: number): Promise<void> {
    try {
      await this.keys.reload();
      this.fetchedAt = time;
      this.nextAt = time + FRESH_MS;
      this.isFailing = false;
    } catch (error) {
      this.isFailing = true;
      // Without keys to keep, each request asks again.
      if (this.fetchedAt === undefined || time >= this.fetchedAt + KEPT_MS) this.nextAt = time;
      throw error;
    }
  }
}
