import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import type { CallOptions, Channel, Client, Metadata } from '@grpc/grpc-js';
import type { Readable } from 'node:stream';

/**
 * What the client declares as protected, for its own commands. The client is pinned to 6.2.1, and the contract suite
 * tests this.
 */
export interface ClientInternals {
  execute<C extends Client, T>(
    client: ClientConstructor<C>,
    name: string,
    action: (client: C) => Promise<T>,
  ): Promise<T>;
  GRPCStreamCreator<C extends Client, T extends Readable>(
    client: ClientConstructor<C>,
    name: string,
    create: (client: C) => T,
  ): () => Promise<T>;
  callArguments(base: { requiresLeader?: boolean; deadline?: number }, options?: CallOptions): [Metadata, CallOptions];
  getChannel(): Promise<Channel>;
  handleError: (client: Client, error: unknown) => Promise<void>;
}
type ClientConstructor<C extends Client> = new (...parameters: ConstructorParameters<typeof StreamsClient>) => C;

/** A plain Uint8Array: the messages do not accept a Buffer. */
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));
export const streamIdentifier = (stream: string): InstanceType<typeof sharedPb.StreamIdentifier> =>
  new sharedPb.StreamIdentifier().setStreamName(bytes(stream));
