import { once } from 'node:events';
import net from 'node:net';

/** What the server is made to answer to statements that match. */
export interface Refusal {
  readonly statement: RegExp;
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
  /** So many statements that match pass first. */
  readonly after?: number;
}

export interface PostgresProxy {
  readonly url: string;
  /** From now on; null: nothing is refused. */
  refuse(refusal: Refusal | null): void;
  /** Breaks every connection, as a network would. */
  cut(): void;
  close(): Promise<void>;
}

const QUERY = 'Q';
const PARSE = 'P';
const BIND = 'B';
const SYNC = 'S';
/** A start-up message has no type: it begins with its length. */
const HEAD_BYTES = 5;

/** A server in front of Postgres that forwards everything except the statements that it must refuse. */
export async function postgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const connections = new Set<net.Socket>();
  let refusal: Refusal | null = null;
  let passed = 0;
  const refusalOf = (text: string): Refusal | null => {
    if (refusal?.statement.test(text) !== true) return null;
    passed += 1;
    return passed > (refusal.after ?? 0) ? refusal : null;
  };
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      connections.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          connections.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    upstream.pipe(client);
    passOn(client, upstream, refusalOf);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${String((server.address() as net.AddressInfo).port)}`;
  const cut = (): void => {
    for (const socket of connections) socket.destroy();
  };
  return {
    url: url.href,
    refuse(next) {
      refusal = next;
      passed = 0;
    },
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Splits the client's bytes into messages, and forwards each message that is not refused. */
function passOn(client: net.Socket, upstream: net.Socket, refusalOf: (text: string) => Refusal | null): void {
  let pending = Buffer.alloc(0);
  let hasStarted = false;
  let isRefused = false;
  /** The statements that the connection has prepared, by name. They are executed again without their text. */
  const prepared = new Map<string, string>();
  const parsed = new Map<string, string>();
  const statementIn = (message: Buffer, type: string): string | undefined => {
    if (type !== QUERY && type !== PARSE && type !== BIND) return undefined;
    const [first = '', second = ''] = message.subarray(HEAD_BYTES).toString('latin1').split('\0');
    // A Parse has the name and then the text, a Bind the name of a portal and then that of the statement.
    if (type === QUERY) return first;
    if (type === BIND) return parsed.has(second) ? undefined : prepared.get(second);
    parsed.set(first, second);
    return second;
  };
  client.on('data', (bytes) => {
    pending = Buffer.concat([pending, typeof bytes === 'string' ? Buffer.from(bytes) : bytes]);
    if (!hasStarted) {
      hasStarted = true;
      upstream.write(pending);
      pending = Buffer.alloc(0);
      return;
    }
    while (pending.length >= HEAD_BYTES && pending.length > pending.readInt32BE(1)) {
      const message = pending.subarray(0, 1 + pending.readInt32BE(1));
      pending = pending.subarray(message.length);
      const type = String.fromCharCode(message[0] ?? 0);
      const statement = statementIn(message, type);
      const refusal = statement === undefined ? null : refusalOf(statement);
      if (refusal !== null) client.write(errorOf(refusal));
      isRefused ||= refusal !== null;
      if (!isRefused) upstream.write(message);
      if (type === SYNC) {
        if (!isRefused) for (const [name, text] of parsed) prepared.set(name, text);
        parsed.clear();
      }
      if (isRefused && (type === QUERY || type === SYNC)) {
        client.write(READY_IN_FAILED_TRANSACTION);
        isRefused = false;
      }
    }
  });
}

function errorOf({ code, message }: Refusal): Buffer {
  const fields = Buffer.from(`SERROR\0VERROR\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(HEAD_BYTES);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

const READY_IN_FAILED_TRANSACTION = Buffer.from([0x5a, 0, 0, 0, 5, 0x45]);
