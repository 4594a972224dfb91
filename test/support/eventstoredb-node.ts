import { once } from 'node:events';
import net from 'node:net';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendReq, AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import * as grpc from '@grpc/grpc-js';

interface Recorded {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  readonly position: number;
  readonly createdTicks: bigint;
}

type AppendCall = grpc.ServerReadableStream<AppendReq, AppendResp>;
type ReadCall = grpc.ServerWritableStream<ReadReq, ReadResp>;

const TICKS_PER_MS = 10_000n;
const NO_STREAM = -1;
/** The size of a record in the log in addition to its data. Positions are byte offsets, as in the real server. */
const RECORD_BYTES = 137;

/**
 * A node of EventStoreDB in memory, for specs only: append, read and subscribe over real gRPC, by the generated
 * services of the client, with the real server's rules for expected revisions and repeated appends. It can also fail as
 * a node does.
 */
export class EventStoreDbNode {
  private readonly log: Recorded[] = [];
  private readonly subscribers = new Set<(event: Recorded) => void>();
  private readonly sockets = new Set<net.Socket>();
  private readonly late = new Set<NodeJS.Timeout>();
  private readonly server = new grpc.Server();
  /** Clients come through a proxy, so that their connections can be cut like a cable, without a word. */
  private readonly proxy: net.Server;
  private grpcPort = 0;
  private lateMs = 0;
  private refusals = 0;
  private appended = 0;
  private nextPosition = 0;

  private constructor() {
    this.server.addService(StreamsService, {
      append: (call: AppendCall, answer: grpc.sendUnaryData<AppendResp>) => this.append(call, answer),
      read: (call: ReadCall) => this.read(call),
    });
    this.proxy = net.createServer({ noDelay: true }, (client) => this.forward(client));
  }

  static async start(): Promise<EventStoreDbNode> {
    const node = new EventStoreDbNode();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    node.server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
    node.grpcPort = await promise;
    node.proxy.listen(0, '127.0.0.1');
    await once(node.proxy, 'listening');
    // A real log begins with events of its own.
    node.record('$users', NO_STREAM, [proposal('$UserCreated')]);
    return node;
  }

  get connectionString(): string {
    return `esdb://127.0.0.1:${this.port()}?tls=false`;
  }

  /** How many appends were written; repetitions are not. */
  get appends(): number {
    return this.appended;
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

  async stop(): Promise<void> {
    for (const timer of this.late) clearTimeout(timer);
    this.server.forceShutdown();
    this.dropConnections();
    this.proxy.close();
    await once(this.proxy, 'close');
  }

  private port(): number {
    const address = this.proxy.address();
    if (address === null || typeof address === 'string') throw new Error('the node does not listen');
    return address.port;
  }

  private forward(client: net.Socket): void {
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
      if (this.refusals > 0) {
        this.refusals -= 1;
        return answer(notLeader(this.port()));
      }
      const decided = this.decide(options, proposals);
      const send = (): void => (decided instanceof streamsPb.AppendResp ? answer(null, decided) : answer(decided));
      if (this.lateMs === 0) return send();
      const timer = setTimeout(() => {
        this.late.delete(timer);
        send();
      }, this.lateMs);
      this.late.add(timer);
    });
    call.on('error', () => undefined);
  }

  /**
   * The rules of the real server for an exact revision. Equal to the stream's revision: it appends. Smaller: it
   * compares with the events there. Greater: it refuses.
   */
  private decide(
    options: AppendReq.Options,
    proposals: readonly AppendReq.ProposedMessage[],
  ): AppendResp | Partial<grpc.StatusObject> {
    const stream = text(options.getStreamIdentifier()?.getStreamName_asU8());
    const expected = options.hasNoStream() ? NO_STREAM : Number(options.getRevision());
    const written = this.log.filter((event) => event.stream === stream);
    const current = written.length - 1;
    if (expected === current) {
      const last = this.record(stream, expected, proposals);
      this.appended += 1;
      // The server's own events come between ours.
      if (this.appended % 3 === 0)
        this.record('$stats-127.0.0.1:2113', this.appended / 3 - 2, [proposal('$statsCollected')]);
      return success(last);
    }
    if (expected > current) return wrongExpectedVersion(expected, current);
    const matches = proposals.map((proposed, i) => written[expected + 1 + i]?.id === proposed.getId()?.getString());
    const last = written[expected + proposals.length];
    if (last !== undefined && matches.every(Boolean)) return success(last);
    if (matches[0] === true) return { code: grpc.status.UNKNOWN, details: 'corrupted idempotency' };
    return wrongExpectedVersion(expected, current);
  }

  private record(
    stream: string,
    expected: number,
    proposals: readonly AppendReq.ProposedMessage[],
  ): Recorded | undefined {
    const now = BigInt(Date.now()) * TICKS_PER_MS + 1_234n;
    const createdTicks = [now, this.log.at(-1)?.createdTicks ?? now].reduce((a, b) => (a > b ? a : b));
    for (const [i, proposed] of proposals.entries()) {
      const map = proposed.getMetadataMap();
      const event = {
        stream,
        revision: expected + 1 + i,
        id: proposed.getId()?.getString() ?? '',
        type: map.get('type') ?? '',
        contentType: map.get('content-type') ?? '',
        data: proposed.getData_asU8(),
        metadata: proposed.getCustomMetadata_asU8(),
        position: this.nextPosition,
        createdTicks,
      };
      this.nextPosition += RECORD_BYTES + event.data.length + event.metadata.length;
      this.log.push(event);
      for (const deliver of this.subscribers) deliver(event);
    }
    return this.log.at(-1);
  }

  private read(call: ReadCall): void {
    const options = call.request.getOptions() ?? new streamsPb.ReadReq.Options();
    const all = options.getAll();
    call.on('error', () => undefined);
    if (options.hasSubscription() && all !== undefined) return this.subscribe(call, all, options.getFilter());
    for (const event of all === undefined ? this.ofStream(call, options) : this.ofAll(all, options))
      call.write(readEvent(event));
    call.end();
  }

  private ofStream(call: ReadCall, options: ReadReq.Options): Recorded[] {
    const identifier = options.getStream()?.getStreamIdentifier();
    const stream = this.log.filter((event) => event.stream === text(identifier?.getStreamName_asU8()));
    if (stream.length === 0) {
      call.write(
        new streamsPb.ReadResp().setStreamNotFound(
          new streamsPb.ReadResp.StreamNotFound().setStreamIdentifier(identifier),
        ),
      );
    }
    if (options.getStream()?.hasEnd() === true) return stream.toReversed().slice(0, Number(options.getCount()));
    const from = options.getStream()?.hasRevision() === true ? Number(options.getStream()?.getRevision()) : 0;
    return stream.slice(from, from + Number(options.getCount()));
  }

  /** From the position on, itself included; or from the end back. */
  private ofAll(all: ReadReq.Options.AllOptions, options: ReadReq.Options): Recorded[] {
    const from = Number(all.getPosition()?.getCommitPosition() ?? 0);
    const events = all.hasEnd() ? this.log.toReversed() : this.log.filter((event) => event.position >= from);
    return events.slice(0, Number(options.getCount()));
  }

  private subscribe(
    call: ReadCall,
    all: ReadReq.Options.AllOptions,
    filter: ReadReq.Options.FilterOptions | undefined,
  ): void {
    const after = Number(all.getPosition()?.getCommitPosition() ?? -1);
    const deliver = (event: Recorded): void => {
      if (isWanted(event, filter)) call.write(readEvent(event));
      // As the real server's, these run ahead of what the consumer has in hand.
      const position = String(this.nextPosition);
      const checkpoint = new streamsPb.ReadResp.Checkpoint().setCommitPosition(position).setPreparePosition(position);
      call.write(new streamsPb.ReadResp().setCheckpoint(checkpoint));
    };
    call.write(
      new streamsPb.ReadResp().setConfirmation(
        new streamsPb.ReadResp.SubscriptionConfirmation().setSubscriptionId('one'),
      ),
    );
    for (const event of this.log) if (event.position > after) deliver(event);
    call.write(new streamsPb.ReadResp().setCaughtUp(new streamsPb.ReadResp.CaughtUp()));
    this.subscribers.add(deliver);
    call.on('cancelled', () => this.subscribers.delete(deliver));
    call.on('close', () => this.subscribers.delete(deliver));
  }
}

function isWanted(event: Recorded, filter: ReadReq.Options.FilterOptions | undefined): boolean {
  const type = filter?.getEventType();
  if (type !== undefined) return new RegExp(type.getRegex()).test(event.type);
  const prefixes = filter?.getStreamIdentifier()?.getPrefixList();
  return prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix));
}

function proposal(type: string): AppendReq.ProposedMessage {
  const message = new streamsPb.AppendReq.ProposedMessage().setId(
    new sharedPb.UUID().setString('00000000-0000-4000-8000-00000000aaaa'),
  );
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  return message.setData(new Uint8Array(Buffer.from('{}')));
}

function success(last: Recorded | undefined): AppendResp {
  const position = String(last?.position);
  return new streamsPb.AppendResp().setSuccess(
    new streamsPb.AppendResp.Success()
      .setCurrentRevision(String(last?.revision))
      .setPosition(new streamsPb.AppendResp.Position().setCommitPosition(position).setPreparePosition(position)),
  );
}

function wrongExpectedVersion(expected: number, current: number): AppendResp {
  const wrong = new streamsPb.AppendResp.WrongExpectedVersion();
  if (expected === NO_STREAM) wrong.setExpectedNoStream(new sharedPb.Empty());
  else wrong.setExpectedRevision(String(expected));
  if (current === NO_STREAM) wrong.setCurrentNoStream(new sharedPb.Empty());
  else wrong.setCurrentRevision(String(current));
  return new streamsPb.AppendResp().setWrongExpectedVersion(wrong);
}

function notLeader(port: number): Partial<grpc.StatusObject> {
  const metadata = new grpc.Metadata();
  metadata.set('exception', 'not-leader');
  metadata.set('leader-endpoint-host', '127.0.0.1');
  metadata.set('leader-endpoint-port', String(port));
  return { code: grpc.status.NOT_FOUND, details: 'Leader info available', metadata };
}

function readEvent(event: Recorded): ReadResp {
  const position = String(event.position);
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent()
    .setId(new sharedPb.UUID().setString(event.id))
    .setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(new Uint8Array(Buffer.from(event.stream))))
    .setStreamRevision(String(event.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('content-type', event.contentType)
    .set('created', String(event.createdTicks));
  return new streamsPb.ReadResp().setEvent(
    new streamsPb.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(position),
  );
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
