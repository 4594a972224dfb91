import { EventStoreDBClient } from '@eventstore/db-client';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import type { Append } from './append.js';
import { forClient } from './connection-string.js';
import { SharedAppends } from './eventstoredb.appends.js';
import { bytes, type ClientInternals, streamIdentifier } from './eventstoredb.client.js';
import { NO_STREAM } from './port.js';

/**
 * The gRPC calls of the log. They use the client's channel, credentials, leader discovery and generated messages, but
 * not its commands, because the commands
 * - parse JSON data and write it again, which changes its bytes (the order of keys is kept, white space and `1.0` are
 *   not). Binary events would keep the bytes, but then the server's own tools could not show or query the ledger.
 * - cut `created` to milliseconds.
 * - keep the appends of all clients of the process in one map of promises: one broken connection rejects the appends of
 *   every client, and a late answer throws outside of any call.
 */
export class EventStoreDbWire {
  private readonly client: EventStoreDBClient;
  private readonly internals: ClientInternals;
  private readonly sharedAppends: SharedAppends;

  constructor(connectionString: string) {
    this.client = EventStoreDBClient.connectionString(forClient(connectionString));
    this.internals = this.client as unknown as ClientInternals;
    // The client calls this without waiting for it. It fails if no leader is found meanwhile. The next call tells that:
    // an unhandled rejection would end the process.
    const { handleError } = this.internals;
    this.internals.handleError = (client, error) => handleError(client, error).catch(() => undefined);
    this.sharedAppends = new SharedAppends(this.internals);
  }

  /** One append, on the call that all appends share. See SharedAppends. */
  appendTogether(append: Append, deadlineMs: number): Promise<string | undefined> {
    return this.sharedAppends.append(append, deadlineMs);
  }

  /** One append, on a call of its own. It is answered before the deadline, or rejected with the gRPC error. */
  append({ stream, expectedRevision, events }: Append, deadlineMs: number): Promise<AppendResp> {
    return this.internals.execute(
      StreamsClient,
      'append',
      (client) =>
        new Promise((resolve, reject) => {
          const call = client.append(
            ...this.internals.callArguments({ requiresLeader: true, deadline: deadlineMs }),
            (error, answer) => {
              if (error !== null) reject(error);
              else resolve(answer);
            },
          );
          call.on('error', reject);
          call.write(new streamsPb.AppendReq().setOptions(appendOptions(stream, expectedRevision)));
          for (const event of events) call.write(new streamsPb.AppendReq().setProposedMessage(proposed(event)));
          call.end();
        }),
    );
  }

  /**
   * The messages of the server for a read or a subscription, until the call ends, breaks (throws), or the signal aborts
   * (throws). `requiresLeader`: another node may be behind, and refuses with the leader's address. `deadlineMs`:
   * default none.
   */
  async *read(
    options: ReadReq.Options,
    { signal, requiresLeader = false, deadlineMs }: ReadLimits = {},
  ): AsyncIterable<ReadResp> {
    const isAborted = (): boolean => signal?.aborted === true;
    if (isAborted()) return;
    const request = new streamsPb.ReadReq().setOptions(
      options.setUuidOption(new streamsPb.ReadReq.Options.UUIDOption().setString(new sharedPb.Empty())),
    );
    const open = this.internals.GRPCStreamCreator(StreamsClient, 'read', (client) =>
      client.read(
        request,
        ...(deadlineMs === undefined
          ? this.internals.callArguments({ requiresLeader }, { deadline: Infinity })
          : this.internals.callArguments({ requiresLeader, deadline: deadlineMs })),
      ),
    );
    const call = await open();
    const cancel = (): void => call.cancel();
    // If a call is left early, its error arrives when nobody iterates any more. Without a listener it would end the
    // process.
    call.on('error', () => undefined);
    signal?.addEventListener('abort', cancel, { once: true });
    // It may have aborted while the call was opened.
    if (isAborted()) cancel();
    try {
      for await (const response of call as AsyncIterable<ReadResp>) yield response;
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  async close(): Promise<void> {
    await this.client.dispose();
    // `dispose` keeps the channel open. If no channel could be made, there is none to close.
    const channel = await this.internals.getChannel().catch(() => undefined);
    channel?.close();
  }
}

export interface ReadLimits {
  readonly signal?: AbortSignal | undefined;
  readonly requiresLeader?: boolean;
  readonly deadlineMs?: number | undefined;
}

function appendOptions(stream: string, expectedRevision: number): InstanceType<typeof streamsPb.AppendReq.Options> {
  const options = new streamsPb.AppendReq.Options().setStreamIdentifier(streamIdentifier(stream));
  return expectedRevision === NO_STREAM
    ? options.setNoStream(new sharedPb.Empty())
    : options.setRevision(String(expectedRevision));
}

function proposed(event: Append['events'][number]): InstanceType<typeof streamsPb.AppendReq.ProposedMessage> {
  const message = new streamsPb.AppendReq.ProposedMessage()
    .setId(new sharedPb.UUID().setString(event.id))
    .setData(bytes(event.data))
    .setCustomMetadata(bytes(event.metadata));
  message.getMetadataMap().set('type', event.type).set('content-type', 'application/json');
  return message;
}

const FORWARDS = 0;
const BACKWARDS = 1;
const EVERYTHING = String(Number.MAX_SAFE_INTEGER);

/** A stream from a revision. */
export function streamFrom(stream: string, revision: number, count = EVERYTHING): ReadReq.Options {
  const from = new streamsPb.ReadReq.Options.StreamOptions()
    .setStreamIdentifier(streamIdentifier(stream))
    .setRevision(String(revision));
  return new streamsPb.ReadReq.Options()
    .setStream(from)
    .setReadDirection(FORWARDS)
    .setCount(count)
    .setNoFilter(new sharedPb.Empty());
}

/** The last event of a stream. */
export function streamBackwards(stream: string): ReadReq.Options {
  const end = new streamsPb.ReadReq.Options.StreamOptions()
    .setStreamIdentifier(streamIdentifier(stream))
    .setEnd(new sharedPb.Empty());
  return new streamsPb.ReadReq.Options()
    .setStream(end)
    .setReadDirection(BACKWARDS)
    .setCount('1')
    .setNoFilter(new sharedPb.Empty());
}

/** Read of $all from a position, itself included: the events of streams with the prefix. 0: from the start. */
export const allFrom = (
  position: number,
  streamPrefix: string | readonly string[],
  count = EVERYTHING,
): ReadReq.Options =>
  new streamsPb.ReadReq.Options()
    .setAll(allOptions(position))
    .setReadDirection(FORWARDS)
    .setCount(count)
    .setFilter(ofStreams(streamPrefix));

/** Read of $all backwards from its end: the events of streams with the prefix. */
export const allBackwards = (streamPrefix: string, count = EVERYTHING): ReadReq.Options =>
  new streamsPb.ReadReq.Options()
    .setAll(new streamsPb.ReadReq.Options.AllOptions().setEnd(new sharedPb.Empty()))
    .setReadDirection(BACKWARDS)
    .setCount(count)
    .setFilter(ofStreams(streamPrefix));

/** The last event of the server, of any stream. */
export const lastOfAll = (): ReadReq.Options =>
  new streamsPb.ReadReq.Options()
    .setAll(new streamsPb.ReadReq.Options.AllOptions().setEnd(new sharedPb.Empty()))
    .setReadDirection(BACKWARDS)
    .setCount('1')
    .setNoFilter(new sharedPb.Empty());

/** A subscription to the events after a position, of streams with the prefix. */
export const allAfter = (position: number, streamPrefix: string): ReadReq.Options =>
  new streamsPb.ReadReq.Options()
    .setAll(allOptions(position))
    .setSubscription(new streamsPb.ReadReq.Options.SubscriptionOptions())
    .setFilter(ofStreams(streamPrefix));

/** A subscription to what will be appended to a stream. */
export const subscriptionTo = (stream: string): ReadReq.Options =>
  new streamsPb.ReadReq.Options()
    .setStream(
      new streamsPb.ReadReq.Options.StreamOptions()
        .setStreamIdentifier(streamIdentifier(stream))
        .setEnd(new sharedPb.Empty()),
    )
    .setSubscription(new streamsPb.ReadReq.Options.SubscriptionOptions())
    .setNoFilter(new sharedPb.Empty());

/** The server looks through this many events before it says how far it is. */
const SEARCH_WINDOW = 1_000;

const ofStreams = (prefix: string | readonly string[]): InstanceType<typeof streamsPb.ReadReq.Options.FilterOptions> =>
  new streamsPb.ReadReq.Options.FilterOptions()
    .setCheckpointintervalmultiplier(SEARCH_WINDOW)
    .setMax(SEARCH_WINDOW)
    .setStreamIdentifier(new streamsPb.ReadReq.Options.FilterOptions.Expression().setPrefixList([prefix].flat()));

function allOptions(position: number): InstanceType<typeof streamsPb.ReadReq.Options.AllOptions> {
  const options = new streamsPb.ReadReq.Options.AllOptions();
  if (position === 0) return options.setStart(new sharedPb.Empty());
  // Commit and prepare position differ only in explicit transactions, which no gRPC client can write.
  const text = String(position);
  return options.setPosition(new streamsPb.ReadReq.Options.Position().setCommitPosition(text).setPreparePosition(text));
}
