import { createServer, type Server } from 'node:http';
import type { LedgerCore } from '#ledger/ledger-core';
import { LedgerMetrics } from '#runtime/telemetry/ledger-metrics';
import { LedgerTelemetry } from '#runtime/telemetry/ledger-telemetry';
import { LedgerTracing } from '#runtime/telemetry/ledger-tracing';
import type { Readiness } from '#operations/readiness';
import type { Progress } from '#read-model/projection';

const NOT_READY = 503;

interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly text: string;
}
const json = (body: object, status = 200): Answer => ({ status, type: 'application/json', text: JSON.stringify(body) });

/** Metrics of the worker, and traces if a collector is set. */
export class WorkerTelemetry extends LedgerTelemetry {
  private server: Server | undefined;

  constructor(otlpEndpoint: string | undefined) {
    super(
      new LedgerMetrics(),
      otlpEndpoint === undefined ? null : new LedgerTracing(otlpEndpoint, 'ledgerline-worker'),
    );
  }

  progressed(progress: Progress): void {
    this.metrics.progressed(progress);
    this.tracing?.progressed(progress, Date.now());
  }

  /**
   * Serves `GET /metrics`, `/health/live` and `/health/ready`. `ready` answers whether the worker can project. Returns
   * the address.
   */
  async serve(
    core: LedgerCore,
    ready: () => Promise<Readiness>,
    { host, port }: { readonly host: string; readonly port: number },
  ): Promise<string> {
    this.metrics.watch(core);
    const answers = new Map<string, () => Promise<Answer>>([
      [
        '/metrics',
        async () => ({ type: this.metrics.registry.contentType, text: await this.metrics.registry.metrics() }),
      ],
      ['/health/live', async () => json({ status: 'live' })],
      [
        '/health/ready',
        async () => {
          const readiness = await ready();
          return json(readiness, readiness.status === 'ready' ? 200 : NOT_READY);
        },
      ],
    ]);
    const server = createServer((request, response) => {
      const answer = request.method === 'GET' ? answers.get(request.url?.split('?')[0] ?? '') : undefined;
      if (answer === undefined) {
        response.writeHead(404).end();
        return;
      }
      answer().then(
        ({ status = 200, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    const address = server.address();
    return `http://${host}:${typeof address === 'object' && address !== null ? address.port : port}`;
  }

  override async close(): Promise<void> {
    const { server } = this;
    if (server !== undefined)
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    await super.close();
  }
}
