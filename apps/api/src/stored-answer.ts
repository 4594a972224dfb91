import { deflateSync, gzipSync } from 'node:zlib';
import { StreamableFile } from '@nestjs/common';
import type { Reply, Request } from './http.js';

/** The encodings of compressed answers, the preferred first. */
const ENCODINGS = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const;

/**
 * An answer that is always the same. It is compressed once: making and compressing it for each request, anyone without
 * a token could keep the API busy.
 */
export class StoredAnswer {
  private readonly encoded = new Map<string, Buffer>();

  constructor(
    private readonly type: string,
    private readonly bytes: Buffer,
  ) {}

  send(request: Request, reply: Reply): StreamableFile {
    reply.header('content-type', this.type).header('vary', 'accept-encoding');
    const accepted = String(request.headers['accept-encoding'] ?? '').split(/[\s,;]+/);
    const found = ENCODINGS.find(([name]) => accepted.includes(name));
    if (found === undefined) return new StreamableFile(this.bytes);
    const [name, encode] = found;
    const encoded = this.encoded.get(name) ?? encode(this.bytes);
    this.encoded.set(name, encoded);
    reply.header('content-encoding', name);
    return new StreamableFile(encoded);
  }
}
