import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type Answer, send } from './send.js';

const NEVER = new AbortController().signal;

/** Sends to a server that gives this reply to every request. Counts the connections to it. */
async function answered(
  reply: (socket: Socket) => void,
  { allowsPrivate = true, host = '127.0.0.1', timeoutMs = 60_000 } = {},
): Promise<Answer & { readonly connections: number }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      reply(socket);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  try {
    const { port } = server.address() as AddressInfo;
    const of = { headers: { 'webhook-id': 'm' }, body: '{}', allowsPrivate, signal: NEVER };
    return { ...(await send(`http://${host}:${port}/`, of, timeoutMs)), connections };
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const text = (reply: string) => (socket: Socket) => {
  socket.write(reply);
};

describe('an attempt', () => {
  it('succeeds with any answer from 200 to 299, without reading its body', async () => {
    const endless = (socket: Socket): void => {
      socket.write('HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n');
    };
    expect(await answered(endless)).toMatchObject({ status: 202, problem: null });
  });

  it('follows no redirect', async () => {
    const moved = 'HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n';
    expect(await answered(text(moved))).toMatchObject({ status: 307, problem: 'HTTP 307: ', connections: 1 });
  });

  it('keeps the beginning of an answer that refuses, and how long to wait', async () => {
    const busy = `HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 1000000\r\n\r\n${'x\0'.repeat(300)}`;
    const answer = await answered(text(busy));
    // 500 characters, of which each second one is a NUL that Postgres can't store.
    expect(answer).toMatchObject({ status: 503, retryAfterS: 120, problem: `HTTP 503: ${'x'.repeat(250)}` });
  });

  it.each([
    ['hangs up', (socket: Socket): void => void socket.destroy()],
    [
      'asks for another protocol',
      text('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
    ['speaks no HTTP', text('SSH-2.0-OpenSSH\r\n')],
    ['ends within its headers', (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\nX-')],
  ])('fails if the endpoint %s', async (_, reply) => {
    const answer = await answered(reply);
    expect(answer.status).toBeNull();
    expect(answer.problem).not.toBeNull();
  });

  it('fails after its time, also if the endpoint says so many words meanwhile', async () => {
    const chatty = (socket: Socket): void => {
      const talk = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 20);
      socket.once('close', () => {
        clearInterval(talk);
      });
    };
    expect(await answered(chatty, { timeoutMs: 300 })).toMatchObject({
      status: null,
      problem: 'no complete answer within 0.3 s',
    });
    const slow = (socket: Socket): void => {
      socket.write('HTTP/1.1 500 Error\r\nContent-Length: 100\r\n\r\nx');
    };
    expect(await answered(slow, { timeoutMs: 300 })).toMatchObject({ status: 500 });
  });

  it.each(['127.0.0.1', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '2130706433', '0x7f.1', 'localhost', '0.0.0.0'])(
    'reaches no private network as %s',
    async (host) => {
      const answer = await answered(text('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), {
        allowsPrivate: false,
        host,
      });
      expect(answer).toMatchObject({ status: null, connections: 0 });
      expect(answer.problem).toMatch(/ is in a private network\. Webhooks are sent there only if the worker runs/);
    },
  );
});
