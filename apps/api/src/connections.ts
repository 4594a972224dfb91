import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf, networksIn } from './networks.js';

interface Settings {
  /** Open connections of one network. Those of trusted proxies are not counted. */
  readonly atMost: number;
  readonly trustedProxies: string;
  /** Whether the address may have another connection at all. */
  readonly mayConnect: (address: string) => boolean;
  readonly onRefused: () => void;
}

/** The open connections of a network. */
interface Network {
  open: number;
  /** Those without a request under way, in the order in which they became so: without a token so far, and with one. */
  readonly idle: { readonly strange: Set<Socket>; readonly known: Set<Socket> };
}

interface Connection {
  /** undefined: that of a trusted proxy. */
  readonly network: Network | undefined;
  underWay: number;
  hasToken: boolean;
  /** A WebSocket whose token was accepted. */
  isKept: boolean;
}

/**
 * Limits the connections of each network. Where there are too many, a new one takes the place of the one that has been
 * idle for longest, first of those that never showed a token: else whoever holds connections and sends nothing would
 * keep out the others behind the same address.
 */
export class Connections {
  private readonly networks = new Map<string, Network>();
  private readonly connections = new WeakMap<Socket, Connection>();

  constructor(private readonly settings: Settings) {}

  attach(server: Pick<Server, 'on'>): void {
    const proxies = networksIn(this.settings.trustedProxies);
    server.on('connection', (socket: Socket) => {
      const { remoteAddress = '', remoteFamily } = socket;
      const isProxy = proxies.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4');
      const network = isProxy ? undefined : this.enter(remoteAddress, socket);
      if (socket.destroyed) return;
      const connection = { network, underWay: 0, hasToken: false, isKept: false };
      this.connections.set(socket, connection);
      settle(socket, connection);
    });
  }

  /** A request has come with, or without, a valid token. Returns how many others are under way on the connection. */
  begin(socket: Socket, hasToken: boolean): number {
    const connection = this.connections.get(socket);
    if (connection === undefined) return 0;
    connection.hasToken ||= hasToken;
    connection.underWay += 1;
    settle(socket, connection);
    return connection.underWay - 1;
  }

  end(socket: Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined) return;
    connection.underWay -= 1;
    settle(socket, connection);
  }

  /** The token of a WebSocket was accepted. */
  keep(socket: Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined) return;
    connection.isKept = true;
    settle(socket, connection);
  }

  /** Closes the connection, or an idle one in its place, if there are too many. */
  private enter(address: string, socket: Socket): Network | undefined {
    const { atMost, mayConnect, onRefused } = this.settings;
    const name = networkOf(address);
    const network = this.networks.get(name) ?? { open: 0, idle: { strange: new Set(), known: new Set() } };
    const isFull = network.open >= atMost;
    const [longestIdle] = isFull ? [...firstOf(network.idle.strange), ...firstOf(network.idle.known)] : [];
    if ((isFull && longestIdle === undefined) || !mayConnect(address)) {
      onRefused();
      socket.destroy();
      return undefined;
    }
    this.networks.set(name, network);
    network.open += 1;
    socket.once('close', () => {
      network.open -= 1;
      forget(socket, network);
      if (network.open === 0) this.networks.delete(name);
    });
    if (longestIdle !== undefined) {
      // Its place is free before it has closed.
      forget(longestIdle, network);
      longestIdle.destroy();
    }
    return network;
  }
}

function firstOf(sockets: ReadonlySet<Socket>): Socket[] {
  const { value } = sockets.values().next();
  return value === undefined ? [] : [value];
}

function forget(socket: Socket, { idle }: Network): void {
  idle.strange.delete(socket);
  idle.known.delete(socket);
}

/** A connection on which nobody has shown a token counts as idle, whatever it asks for. */
function settle(socket: Socket, { network, underWay, hasToken, isKept }: Connection): void {
  if (network === undefined) return;
  forget(socket, network);
  if (isKept || socket.destroyed || (hasToken && underWay > 0)) return;
  network.idle[hasToken ? 'known' : 'strange'].add(socket);
}
