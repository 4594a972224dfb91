import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message as an endpoint receives it. */
export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How an endpoint answers; `hang`: never. */
export type Behaviour = number | 'hang' | { readonly status: number; readonly headers: Record<string, string> };

export interface Receiver {
  readonly url: string;
  /** All that came, in its order, also what was answered with an error. */
  readonly received: readonly Received[];
  /** Asked for each message. By default each is taken. */
  answers(behaviour: (received: Received) => Behaviour): void;
  /** Resolves when so many messages came. */
  until(count: number): Promise<void>;
  close(): Promise<void>;
}

/** A real HTTP server on a port of its own that receives webhooks. */
export async function receiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  let behave: (received: Received) => Behaviour = () => 204;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const each = { headers, body: Buffer.concat(chunks).toString('utf8') };
      received.push(each);
      const behaviour = behave(each);
      if (typeof behaviour === 'number') response.writeHead(behaviour).end(behaviour < 300 ? '' : 'not now');
      else if (behaviour !== 'hang') response.writeHead(behaviour.status, behaviour.headers).end();
      for (const look of waiting) look();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}/hook`,
    received,
    answers(behaviour) {
      behave = behaviour;
    },
    async until(count) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (received.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
