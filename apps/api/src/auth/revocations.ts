import type { Instant } from '#domain/time/instant';

/** For so long a token is not looked up again. */
const FRESH_MS = 5000;
/** Above this, the cache starts again empty. */
const MOST_KNOWN = 10_000;

interface Looked {
  readonly at: number;
  readonly isRevoked: Promise<boolean>;
}

/** Which tokens are revoked, as the log says. A token that was used in the last five seconds is not looked up again. */
export class Revocations {
  private readonly known = new Map<string, Looked>();

  constructor(private readonly lookUp: (tokenId: string) => Promise<boolean>) {}

  /** Errors: those of the log. */
  async has(tokenId: string, now: Instant): Promise<boolean> {
    const at = Date.parse(now);
    const known = this.known.get(tokenId);
    // A clock that was set back must not keep an answer for longer.
    if (known !== undefined && Math.abs(at - known.at) < FRESH_MS) return known.isRevoked;
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    const looked = { at, isRevoked: this.lookUp(tokenId) };
    this.known.set(tokenId, looked);
    try {
      return await looked.isRevoked;
    } catch (error) {
      if (this.known.get(tokenId) === looked) this.known.delete(tokenId);
      throw error;
    }
  }
}
