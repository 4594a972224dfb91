import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Request } from './http.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

type Asked = Pick<Request, 'id' | 'method' | 'url' | 'headers'> & {
  readonly routeOptions: { readonly url?: string | undefined };
};
/** `hungUp`: whoever asked was gone before the answer was there. `elapsedTime` is in milliseconds. */
type OnEnd = (
  request: Asked,
  reply: { readonly statusCode: number; readonly elapsedTime: number },
  hungUp: boolean,
) => void;

/**
 * The end of each request: its work is done, and its connection has the answer or is gone. Fastify's `onResponse` tells nothing of one
 * whose asker has hung up: what is counted with it would be under way for ever.
 */
export class RequestEnds {
  private readonly told: OnEnd[] = [];
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  /** What a hook that was added before ends by itself never began. */
  attach(fastify: Fastify): void {
    const worked = new WeakSet<object>();
    const closed = new WeakMap<object, () => void>();
    fastify.addHook('onRequest', (request, reply, done) => {
      const isCounted = !isUpgrade(request);
      if (isCounted) this.underWay += 1;
      const end = (hungUp: boolean): void => {
        if (isCounted) this.underWay -= 1;
        for (const tell of this.told) tell(request, reply, hungUp);
        if (this.underWay === 0) for (const resolve of this.waiting.splice(0)) resolve();
      };
      reply.raw.once('close', () => {
        // Hijacked, the response is someone else's, as a WebSocket's is.
        if (worked.has(request) || reply.sent) end(false);
        else
          closed.set(request, () => {
            end(true);
          });
      });
      done();
    });
    fastify.addHook('onSend', (request, _reply, payload, done) => {
      worked.add(request);
      closed.get(request)?.();
      done(null, payload);
    });
    // Who has hung up is waited for too: their work needs what is closed next.
    fastify.addHook('onClose', async () => {
      if (this.underWay > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    });
  }

  /** Told of each request once. */
  tell(of: OnEnd): void {
    this.told.push(of);
  }
}

/** A WebSocket stays open for as long as it likes: it is no request that is being answered. */
export const isUpgrade = ({ headers, url }: Pick<Request, 'headers' | 'url'>): boolean =>
  url.startsWith('/graphql') && headers['upgrade']?.toString().toLowerCase() === 'websocket';
