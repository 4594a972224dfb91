import { randomUUID } from 'node:crypto';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import type { Append } from './append.js';
import { bytes, type ClientInternals, streamIdentifier } from './eventstoredb.client.js';
import { NO_STREAM, UnknownOutcome } from './port.js';

/** One call, and the appends that wait for an answer on it. */
interface OpenCall {
  readonly call: ClientDuplexStream<BatchAppendReq, BatchAppendResp>;
  readonly waiting: Map<string, PromiseWithResolvers<string | undefined>>;
}

/**
 * Appends that share one call to the server. A call for each would take several times as much work on both sides, most
 * of it for its headers.
 */
export class SharedAppends {
  private open: Promise<OpenCall> | undefined;
  /** EventStoreDB before 21.10 does not have the call. */
  private isUnsupported = false;

  constructor(private readonly internals: ClientInternals) {}

  /**
   * The commit position of the last event of an append. undefined: the server did not store it, or does not say where,
   * and a call of its own tells more. Errors: UnknownOutcome after the deadline; that of the call, if it breaks.
   */
  async append(append: Append, deadlineMs: number): Promise<string | undefined> {
    if (this.isUnsupported) return undefined;
    const { call, waiting } = await this.opened();
    const id = randomUUID();
    const answer = Promise.withResolvers<string | undefined>();
    const timer = setTimeout(
      () => answer.reject(new UnknownOutcome(`no answer to an append within ${deadlineMs} ms`)),
      deadlineMs,
    );
    waiting.set(id, answer);
    try {
      call.write(request(id, append));
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  }

  private async opened(): Promise<OpenCall> {
    if (this.open !== undefined) return this.open;
    const opening = this.openCall();
    this.open = opening;
    const isLost = (): void => {
      if (this.open === opening) this.open = undefined;
    };
    try {
      const opened = await opening;
      const end = (error: Error): void => {
        isLost();
        const isUnknownCall = 'code' in error && error.code === status.UNIMPLEMENTED;
        this.isUnsupported ||= isUnknownCall;
        for (const { resolve, reject } of opened.waiting.values()) {
          if (isUnknownCall) resolve(undefined);
          else reject(error);
        }
      };
      opened.call.on('error', end);
      opened.call.on('end', () => end(new UnknownOutcome('the server ended the call')));
    } catch (error) {
      isLost();
      throw error;
    }
    return opening;
  }

  private async openCall(): Promise<OpenCall> {
    const waiting: OpenCall['waiting'] = new Map();
    const create = this.internals.GRPCStreamCreator(StreamsClient, 'batchAppend', (client) =>
      client.batchAppend(...this.internals.callArguments({ requiresLeader: true }, { deadline: Infinity })),
    );
    const call = await create();
    call.on('data', (response: BatchAppendResp) => {
      const id = response.getCorrelationId()?.getString() ?? '';
      waiting.get(id)?.resolve(response.getSuccess()?.getPosition()?.getCommitPosition());
    });
    return { call, waiting };
  }
}

function request(id: string, { stream, expectedRevision, events }: Append): BatchAppendReq {
  const options = new streamsPb.BatchAppendReq.Options().setStreamIdentifier(streamIdentifier(stream));
  if (expectedRevision === NO_STREAM) options.setNoStream(new sharedPb.Empty());
  else options.setStreamPosition(String(expectedRevision));
  return new streamsPb.BatchAppendReq()
    .setCorrelationId(new sharedPb.UUID().setString(id))
    .setOptions(options)
    .setProposedMessagesList(events.map((event) => proposed(event)))
    .setIsFinal(true);
}

function proposed(event: Append['events'][number]): BatchAppendReq.ProposedMessage {
  const message = new streamsPb.BatchAppendReq.ProposedMessage()
    .setId(new sharedPb.UUID().setString(event.id))
    .setData(bytes(event.data))
    .setCustomMetadata(bytes(event.metadata));
  message.getMetadataMap().set('type', event.type).set('content-type', 'application/json');
  return message;
}
