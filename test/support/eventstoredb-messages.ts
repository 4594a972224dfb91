import statusPb from '@eventstore/db-client/generated/status_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import * as grpc from '@grpc/grpc-js';
import { NO_STREAM, type Proposal, type Recorded, type Refused } from './eventstoredb-log.js';

export function notLeader(port: number): Partial<grpc.StatusObject> {
  const metadata = new grpc.Metadata();
  metadata.set('exception', 'not-leader');
  metadata.set('leader-endpoint-host', '127.0.0.1');
  metadata.set('leader-endpoint-port', String(port));
  return { code: grpc.status.NOT_FOUND, details: 'Leader info available', metadata };
}

export function accessDenied(): Partial<grpc.StatusObject> {
  const metadata = new grpc.Metadata();
  metadata.set('exception', 'access-denied');
  return { code: grpc.status.PERMISSION_DENIED, details: 'Access Denied', metadata };
}

export function readEvent(event: Recorded): ReadResp {
  const position = String(event.position);
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent()
    .setId(new sharedPb.UUID().setString(event.id))
    .setStreamIdentifier(new sharedPb.StreamIdentifier().setStreamName(new Uint8Array(Buffer.from(event.stream))))
    .setStreamRevision(event.revision)
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

export function proposalOf(proposed: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): Proposal {
  const map = proposed.getMetadataMap();
  return {
    id: proposed.getId()?.getString() ?? '',
    type: map.get('type') ?? '',
    contentType: map.get('content-type') ?? '',
    data: proposed.getData_asU8(),
    metadata: proposed.getCustomMetadata_asU8(),
  };
}

export function appendAnswer(decided: Recorded | Exclude<Refused, { refused: unknown }>, expected: number): AppendResp {
  if ('actual' in decided) return wrongExpectedVersion(expected, decided.actual);
  const position = String(decided.position);
  return new streamsPb.AppendResp().setSuccess(
    new streamsPb.AppendResp.Success()
      .setCurrentRevision(decided.revision)
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

/** The answer to one of the appends of a call. undefined: it was refused. */
export function sharedAnswer(request: BatchAppendReq, last: Recorded | undefined): BatchAppendResp {
  const response = new streamsPb.BatchAppendResp()
    .setCorrelationId(request.getCorrelationId())
    .setStreamIdentifier(request.getOptions()?.getStreamIdentifier());
  if (last === undefined) return response.setError(new statusPb.Status().setMessage('refused'));
  const position = String(last.position);
  return response.setSuccess(
    new streamsPb.BatchAppendResp.Success()
      .setCurrentRevision(last.revision)
      .setPosition(new sharedPb.AllStreamPosition().setCommitPosition(position).setPreparePosition(position)),
  );
}
