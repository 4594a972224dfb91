import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { apiForAll, beside, largeRequest, problemIn } from '../support/api.js';
import { RawSocket } from '../support/raw-socket.js';

// What an attacker sent, from outside.

const api = apiForAll();
const tokenOf = (who: string): string => api().tokens.get(who) ?? '';

describe('a body', () => {
  it('that is compressed is refused before it is read: 16 kB can be 16 MB of JSON', async () => {
    const body = new Uint8Array(gzipSync(`[${'[],'.repeat(1_000_000)}[]]`));
    const answer = await api().ask('ingest', 'POST', '/api/v1/usage', body, { 'content-encoding': 'gzip' });
    expect(problemIn(answer)).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  it('of a role that may not send it is refused before it comes', async () => {
    const socket = new RawSocket(api().url).send(
      'POST /api/v1/usage HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n' +
        `Authorization: Bearer ${tokenOf('tenant')}\r\n\r\n`,
    );
    expect(await socket.status()).toBe(403);
    socket.destroy();
  });
});

describe('a WebSocket', () => {
  const opened = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`${api().url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${tokenOf('tenant')}` } }));
    await once(socket, 'message');
    return socket;
  };

  it('that sends more than it may is cut', async () => {
    const socket = await opened();
    // 256 kB at once, and 64 kB a second.
    const ping = JSON.stringify({ type: 'ping', payload: { text: 'a'.repeat(1000) } });
    for (let n = 0; n < 1000; n += 1) socket.send(ping);
    await once(socket, 'close');
    expect(socket.readyState).toBe(WebSocket.CLOSED);
  });

  it('of an unknown protocol is answered with the known one, and the client closes it', async () => {
    const socket = new RawSocket(api().url).send(
      'GET /graphql HTTP/1.1\r\nHost: ledger\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        `Sec-WebSocket-Protocol: ${'A'.repeat(10_000)}\r\n\r\n`,
    );
    expect(await socket.status()).toBe(101);
    expect(socket.text).toContain('\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n');
    expect(socket.text).not.toContain('AAA');
    socket.destroy();
  });
});

describe('requests that wait in the line of a connection', () => {
  it('are ended when it is closed, so that the API can stop', async () => {
    await beside(api(), {}, async (url) => {
      const socket = new RawSocket(url).send(
        largeRequest(tokenOf('operator')) +
          `GET /api/v1/tenants HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenOf('operator')}\r\n\r\n`.repeat(20),
      );
      expect(await socket.status()).toBe(200);
      socket.stopReading();
      const underWay = async (): Promise<number> => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return Number(/^ledgerline_http_requests_under_way (\d+)$/m.exec(text)?.[1]);
      };
      // The large one, those behind it, and the one that asks.
      expect(await underWay()).toBe(22);
      socket.destroy();
      while ((await underWay()) > 1);
      // The end of the API would wait for them without end.
    });
  });
});
