import { once } from 'node:events';
import net from 'node:net';
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipPb from '@eventstore/db-client/generated/gossip_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  ReadReq,
  ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import * as grpc from '@grpc/grpc-js';
import { NO_STREAM, type Recorded, ServerLog, streamDeleted, text } from './eventstoredb-log.js';
import { accessDenied, appendAnswer, notLeader, proposalOf, readEvent, sharedAnswer } from './eventstoredb-messages.js';

type AppendCall = grpc.ServerReadableStream<AppendReq, AppendResp>;
type SharedCall = grpc.ServerDuplexStream<BatchAppendReq, BatchAppendResp>;
type ReadCall = grpc.ServerWritableStream<ReadReq, ReadResp>;

const CHECKPOINT_INTERVAL = 8;

const { VNodeState } = gossipPb.MemberInfo;

/** The nodes of a cluster: they have one log, and agree on who leads. */
class Cluster {
  readonly log = new ServerLog();
  readonly nodes: EventStoreDbNode[] = [];
  leader: EventStoreDbNode | undefined;
}

/**
 * A node of EventStoreDB in memory, for specs only: append, read, subscribe and gossip over real gRPC, by the generated
 * services of the client. It can also fail as a node does.
 */
export class EventStoreDbNode {
  private readonly sockets = new Set<net.Socket>();
  private readonly late = new Set<NodeJS.Timeout>();
  private readonly server = new grpc.Server();
  /** Clients come through a proxy, so that their connections can be cut like a cable, without a word. */
  private readonly proxy: net.Server;
  private grpcPort = 0;
  private proxyPort = 0;
  private lateMs = 0;
  private refusals = 0;
  private denials = 0;
  private behind = 0;
  private isDown = false;
  private isOld = false;

  private constructor(private readonly cluster: Cluster) {
    this.server.addService(StreamsService, {
      append: (call: AppendCall, answer: grpc.sendUnaryData<AppendResp>) => this.append(call, answer),
      batchAppend: (call: SharedCall) => this.appendTogether(call),
      read: (call: ReadCall) => this.read(call),
    });
    this.server.addService(GossipService, {
      read: (_call: unknown, answer: grpc.sendUnaryData<InstanceType<typeof gossipPb.ClusterInfo>>) => {
        answer(null, new gossipPb.ClusterInfo().setMembersList(this.cluster.nodes.map((node) => node.member())));
      },
    });
    this.proxy = net.createServer({ noDelay: true }, (client) => this.forward(client));
  }

  /** One node, which leads. */
  static async start(): Promise<EventStoreDbNode> {
    return (await EventStoreDbNode.cluster(1))[0] as EventStoreDbNode;
  }

  /** Nodes with one log. The first one leads. */
  static async cluster(size: number): Promise<readonly EventStoreDbNode[]> {
    const cluster = new Cluster();
    for (let n = 0; n < size; n += 1) {
      const node = new EventStoreDbNode(cluster);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      node.server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
      node.grpcPort = await promise;
      node.proxy.listen(0, '127.0.0.1');
      await once(node.proxy, 'listening');
      const address = node.proxy.address();
      if (address === null || typeof address === 'string') throw new Error('the node does not listen');
      node.proxyPort = address.port;
      cluster.nodes.push(node);
    }
    cluster.leader = cluster.nodes[0];
    return cluster.nodes;
  }

  get connectionString(): string {
    return `esdb://${this.address}?tls=false`;
  }

  /** Past the proxy, for benches. */
  get directConnectionString(): string {
    return `esdb://127.0.0.1:${this.grpcPort}?tls=false`;
  }

  get address(): string {
    return `127.0.0.1:${this.proxyPort}`;
  }

  /** What the server has, for what other applications and administrators do there. */
  get log(): ServerLog {
    return this.cluster.log;
  }

  /** How many appends were written; repetitions are not. */
  get appends(): number {
    return this.log.appends;
  }

  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** From now on appends are written at once and answered so much later. */
  answerLate(ms: number): void {
    this.lateMs = ms;
  }

  /** The next n appends are refused, with the leader's address: this node's. */
  refuseAsNotLeader(n: number): void {
    this.refusals = n;
  }

  /** The next n calls are refused: the user lacks a right. */
  denyAccess(n: number): void {
    this.denials = n;
  }

  /** As a server before 21.10, it does not have the call that appends share. */
  beforeSharedAppends(): void {
    this.isOld = true;
  }

  /** This node leads from now on. A cluster without a leader: `lead` of no node, by `resign`. */
  lead(): void {
    this.cluster.leader = this;
  }

  /** The cluster has no leader until a node leads. */
  resign(): void {
    this.cluster.leader = undefined;
  }

  /** As a follower, this node lacks the last n events. */
  lag(n: number): void {
    this.behind = n;
  }

  /** Connections are refused until `up`. Gossip of the other nodes goes on to name this one, as dead. */
  down(): void {
    this.isDown = true;
    this.dropConnections();
  }

  up(): void {
    this.isDown = false;
  }

  async stop(): Promise<void> {
    for (const timer of this.late) clearTimeout(timer);
    this.server.forceShutdown();
    this.dropConnections();
    this.proxy.close();
    await once(this.proxy, 'close');
  }

  private get isLeader(): boolean {
    return this.cluster.leader === this;
  }

  private member(): InstanceType<typeof gossipPb.MemberInfo> {
    return new gossipPb.MemberInfo()
      .setInstanceId(new sharedPb.UUID().setString('00000000-0000-4000-8000-00000000bbbb'))
      .setTimeStamp('0')
      .setState(this.isLeader ? VNodeState.LEADER : VNodeState.FOLLOWER)
      .setIsAlive(!this.isDown)
      .setHttpEndPoint(new gossipPb.EndPoint().setAddress('127.0.0.1').setPort(this.proxyPort));
  }

  private forward(client: net.Socket): void {
    if (this.isDown) {
      client.destroy();
      return;
    }
    const server = net.connect({ port: this.grpcPort, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  /** Why a call is refused. undefined: it is not. */
  private refusal(requiresLeader: boolean): Partial<grpc.StatusObject> | undefined {
    if (this.denials > 0) {
      this.denials -= 1;
      return accessDenied();
    }
    if (!requiresLeader || this.isLeader) return undefined;
    const { leader } = this.cluster;
    return leader === undefined
      ? { code: grpc.status.UNAVAILABLE, details: 'Server Is Not Ready' }
      : notLeader(leader.proxyPort);
  }

  private append(call: AppendCall, answer: grpc.sendUnaryData<AppendResp>): void {
    let options: AppendReq.Options | undefined;
    const proposals: AppendReq.ProposedMessage[] = [];
    call.on('data', (request: AppendReq) => {
      options ??= request.getOptions();
      const proposed = request.getProposedMessage();
      if (proposed !== undefined) proposals.push(proposed);
    });
    call.on('end', () => {
      if (options === undefined) return answer({ code: grpc.status.INVALID_ARGUMENT, details: 'no options' });
      const refused = this.refusal(true);
      if (refused !== undefined) return answer(refused);
      if (this.refusals > 0) {
        this.refusals -= 1;
        return answer(notLeader(this.proxyPort));
      }
      const name = text(options.getStreamIdentifier()?.getStreamName_asU8());
      const expected = options.hasNoStream() ? NO_STREAM : Number(options.getRevision());
      const decided = this.log.append(name, expected, proposals.map(proposalOf));
      this.sendLate(() =>
        'refused' in decided ? answer(decided.refused) : answer(null, appendAnswer(decided, expected)),
      );
    });
    call.on('error', () => undefined);
  }

  /** Appends that share a call. As with the real server, the call ends when this node does not lead. */
  private appendTogether(call: SharedCall): void {
    call.on('error', () => undefined);
    if (this.isOld) {
      call.emit('error', { code: grpc.status.UNIMPLEMENTED, details: 'unknown method' });
      return;
    }
    call.on('data', (request: BatchAppendReq) => {
      const refused = this.denials > 0 ? undefined : this.refusal(true);
      if (refused !== undefined || this.refusals > 0) {
        if (refused === undefined) this.refusals -= 1;
        call.emit('error', refused ?? notLeader(this.proxyPort));
        return;
      }
      const options = request.getOptions();
      const name = text(options?.getStreamIdentifier()?.getStreamName_asU8());
      const expected = options?.hasNoStream() === true ? NO_STREAM : Number(options?.getStreamPosition());
      const decided =
        this.denials > 0
          ? undefined
          : this.log.append(name, expected, request.getProposedMessagesList().map(proposalOf));
      const last = decided !== undefined && 'position' in decided ? decided : undefined;
      this.sendLate(() => call.write(sharedAnswer(request, last)));
    });
    call.on('end', () => call.end());
  }

  private sendLate(send: () => void): void {
    if (this.lateMs === 0) return send();
    const timer = setTimeout(() => {
      this.late.delete(timer);
      send();
    }, this.lateMs);
    this.late.add(timer);
  }

  private read(call: ReadCall): void {
    const options = call.request.getOptions() ?? new streamsPb.ReadReq.Options();
    const all = options.getAll();
    call.on('error', () => undefined);
    const stream = text(options.getStream()?.getStreamIdentifier()?.getStreamName_asU8());
    const refused =
      this.refusal(call.metadata.get('requires-leader')[0] === 'true') ??
      (this.log.isTombstoned(stream) ? streamDeleted(stream) : undefined);
    if (refused !== undefined) {
      call.emit('error', refused);
      return;
    }
    if (options.hasSubscription() && all === undefined) {
      confirm(call);
      return;
    }
    if (options.hasSubscription() && all !== undefined) return this.subscribe(call, all, options.getFilter());
    for (const event of all === undefined ? this.ofStream(call, options) : this.ofAll(all, options))
      call.write(readEvent(event));
    call.end();
  }

  private ofStream(call: ReadCall, options: ReadReq.Options): readonly Recorded[] {
    const identifier = options.getStream()?.getStreamIdentifier();
    const stream = this.log.stream(text(identifier?.getStreamName_asU8()));
    if (stream === undefined) {
      call.write(
        new streamsPb.ReadResp().setStreamNotFound(
          new streamsPb.ReadResp.StreamNotFound().setStreamIdentifier(identifier),
        ),
      );
      return [];
    }
    const count = Number(options.getCount());
    if (options.getStream()?.hasEnd() === true) return stream.toReversed().slice(0, count);
    const from = options.getStream()?.hasRevision() === true ? Number(options.getStream()?.getRevision()) : 0;
    return stream.filter(({ revision }) => Number(revision) >= from).slice(0, count);
  }

  /** What this node has of the log. */
  private get known(): readonly Recorded[] {
    const { events } = this.log;
    return this.isLeader || this.behind === 0 ? events : events.slice(0, Math.max(0, events.length - this.behind));
  }

  /** From the position on, itself included; or from the end back. */
  private *ofAll(all: ReadReq.Options.AllOptions, options: ReadReq.Options): Iterable<Recorded> {
    const from = Number(all.getPosition()?.getCommitPosition() ?? 0);
    const known = this.known;
    let left = Number(options.getCount());
    for (let i = all.hasEnd() ? 0 : firstFrom(known, from); i < known.length && left > 0; i += 1) {
      const event = known[all.hasEnd() ? known.length - 1 - i : i];
      if (event === undefined || !isWanted(event, options.getFilter())) continue;
      left -= 1;
      yield event;
    }
  }

  private subscribe(
    call: ReadCall,
    all: ReadReq.Options.AllOptions,
    filter: ReadReq.Options.FilterOptions | undefined,
  ): void {
    let after = Number(all.getPosition()?.getCommitPosition() ?? -1);
    let delivered = 0;
    const deliver = (event: Recorded): void => {
      after = event.position;
      if (isWanted(event, filter)) call.write(readEvent(event));
      // As the real server's, these run ahead of what the consumer has in hand. The server sends one now and then.
      delivered += 1;
      if (delivered % CHECKPOINT_INTERVAL !== 1) return;
      const position = String(this.log.nextPosition);
      const checkpoint = new streamsPb.ReadResp.Checkpoint().setCommitPosition(position).setPreparePosition(position);
      call.write(new streamsPb.ReadResp().setCheckpoint(checkpoint));
    };
    confirm(call);
    const known = this.known;
    for (const event of known.slice(firstFrom(known, after + 1))) deliver(event);
    call.write(new streamsPb.ReadResp().setCaughtUp(new streamsPb.ReadResp.CaughtUp()));
    const live = (event: Recorded): void => {
      // A follower delivers what it has by now.
      for (const each of this.behind === 0 ? [event] : this.known) if (each.position > after) deliver(each);
    };
    this.log.subscribers.add(live);
    call.on('cancelled', () => this.log.subscribers.delete(live));
    call.on('close', () => this.log.subscribers.delete(live));
  }
}

/** No event comes to a stream that is subscribed to: what watches the connection alone subscribes to one. */
function confirm(call: ReadCall): void {
  const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation().setSubscriptionId('one');
  call.write(new streamsPb.ReadResp().setConfirmation(confirmation));
}

/** The index of the first event at a position or after it. */
function firstFrom(events: readonly Recorded[], position: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.position ?? position) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isWanted(event: Recorded, filter: ReadReq.Options.FilterOptions | undefined): boolean {
  const prefixes = filter?.getStreamIdentifier()?.getPrefixList();
  return prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix));
}
