import type { Measuring } from './measured.js';
import type { LedgerMetrics } from './ledger-metrics.js';
import type { LedgerTracing } from './ledger-tracing.js';

/** Measures what a process does with the ledger: always metrics, and traces if a collector is configured. */
export class LedgerTelemetry<
  Metrics extends LedgerMetrics = LedgerMetrics,
  Tracing extends LedgerTracing = LedgerTracing,
> implements Measuring {
  constructor(
    readonly metrics: Metrics,
    protected readonly tracing: Tracing | null,
  ) {}

  append<Result>(of: Parameters<Measuring['append']>[0], work: () => Promise<Result>): Promise<Result> {
    return this.metrics.append(of, () => (this.tracing === null ? work() : this.tracing.append(of, work)));
  }

  catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.metrics.catchUp(() => (this.tracing === null ? work() : this.tracing.catchUp(work)));
  }

  async close(): Promise<void> {
    this.metrics.registry.clear();
    await this.tracing?.close();
  }
}
