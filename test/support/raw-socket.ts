import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { zProblem } from '#api/problem';

/** A connection that sends exactly these bytes, and keeps what comes back until it is closed. */
export class RawSocket {
  text = '';
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private wake: () => void = () => undefined;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.setEncoding('latin1').on('data', (chunk) => {
      this.text += z.string().parse(chunk);
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      this.socket
        // A reset closes it too.
        .on('error', () => undefined)
        .once('close', () => {
          this.wake();
          resolve();
        });
    });
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** No more is read: what is sent stays in the buffers. */
  stopReading(): this {
    this.socket.pause();
    return this;
  }

  /** Reads now and then: the transfer is never idle, and never soon at its end. */
  readSlowly(everyMs: number): this {
    const timer = setInterval(() => this.socket.resume(), everyMs);
    this.socket
      .on('data', () => this.socket.pause())
      .once('close', () => {
        clearInterval(timer);
      });
    return this;
  }

  /** Sends one byte now and then until the connection is closed. */
  trickle(byte: string, everyMs: number): this {
    const timer = setInterval(() => this.socket.write(byte), everyMs);
    this.socket.once('close', () => {
      clearInterval(timer);
    });
    return this;
  }

  /** The status of the first answer, once it has arrived. */
  async status(): Promise<number> {
    for (;;) {
      const status = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/.exec(this.text)?.[1];
      if (status !== undefined) return Number(status);
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Sends a request on the same connection, and waits for its answer with status 200. */
  async again(request: string): Promise<void> {
    this.text = '';
    this.send(request);
    const status = await this.status();
    if (status !== 200) throw new Error(`answered ${status}`);
  }

  /** The only answer, once the connection is closed. */
  async lastAnswer(): Promise<{ headers: Headers; problem: z.output<typeof zProblem> }> {
    await this.closed;
    const [head = '', body = ''] = this.text.split('\r\n\r\n');
    const headers = head.split('\r\n').slice(1);
    return {
      headers: new Headers(
        headers.map((line): [string, string] => [line.split(': ')[0] ?? '', line.split(': ')[1] ?? '']),
      ),
      problem: zProblem.parse(JSON.parse(body)),
    };
  }

  destroy(): void {
    this.socket.destroy();
  }
}
