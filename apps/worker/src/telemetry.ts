import { createServer, type Server } from 'node:http';
import type { LedgerCore } from '#ledger/ledger-core';
import { LedgerMetrics } from '#runtime/telemetry/ledger-metrics';
import { LedgerTelemetry } from '#runtime/telemetry/ledger-telemetry';
import { LedgerTracing } from '#runtime/telemetry/ledger-tracing';
import type { Progress } from '#read-model/projection';

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

  /** Serves `GET /metrics` only. Returns its address. */
  async serve(core: LedgerCore, { host, port }: { readonly host: string; readonly port: number }): Promise<string> {
    this.metrics.watch(core);
    const server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      this.metrics.registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': this.metrics.registry.contentType }).end(text),
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
