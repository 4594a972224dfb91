import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Progress } from '#read-model/projection';
import type { LedgerCore } from '#ledger/ledger-core';
import type { Measuring } from './measured.js';
import { watchMoney } from './money-metrics.js';
import { SharedGauges } from './shared-gauges.js';

export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const EVENTS = [1, 2, 5, 10, 50, 100, 500, 1000];

/** Positions of the log and of the read models, read at each scrape. */
interface Positions {
  readonly head: number;
  readonly position: number;
  /** Whether the projections stopped at an event that can't be applied. */
  readonly isHalted: boolean;
  /** The position of the read models that a rebuild is building; null if there is no rebuild. */
  readonly rebuilt: number | null;
}

async function positionsOf({ log, rebuilder }: LedgerCore): Promise<Positions> {
  const [head, { live, shadow }] = await Promise.all([log.head(), rebuilder.status()]);
  return {
    head,
    position: live?.position ?? 0,
    isHalted: (live?.halted ?? null) !== null,
    rebuilt: shadow?.position ?? null,
  };
}

/** Prometheus metrics of a process that runs a ledger. Each ledger has its own registry: a process may run several. */
export class LedgerMetrics implements Measuring {
  readonly registry = new Registry();
  private readonly appends = new Histogram({
    name: 'ledgerline_append_duration_seconds',
    help: 'Time from the decision to the answer of the log, including the wait for other appends',
    labelNames: ['outcome'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly appendsWaiting = new Gauge({
    name: 'ledgerline_appends_under_way',
    help: 'Appends that the log has not answered yet',
    registers: [this.registry],
  });
  private readonly batches = new Histogram({
    name: 'ledgerline_append_events',
    help: 'Events in one append',
    buckets: EVENTS,
    registers: [this.registry],
  });
  private readonly bytes = new Histogram({
    name: 'ledgerline_append_bytes',
    help: 'Characters of data and metadata in one append',
    buckets: [1e3, 1e4, 1e5, 5e5, 1e6],
    registers: [this.registry],
  });
  private readonly catchUps = new Histogram({
    name: 'ledgerline_catch_up_duration_seconds',
    help: 'Time spent waiting for the read models',
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly projected = new Histogram({
    name: 'ledgerline_projected_events',
    help: 'Events in one transaction of the projections',
    buckets: EVENTS,
    registers: [this.registry],
  });
  private readonly projecting = new Histogram({
    name: 'ledgerline_project_duration_seconds',
    help: 'Duration of one transaction of the projections',
    buckets: SECONDS,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /**
   * Adds gauges for the positions of the log and the read models, and for what waits for someone. A gauge whose value
   * is unknown is absent.
   */
  watch(core: LedgerCore): void {
    watchMoney(core, this.registry);
    const gauges = new SharedGauges(this.registry, async () => positionsOf(core));
    gauges.add('ledgerline_head_position', 'Position of the last event in the log', ({ head }) => head);
    gauges.add('ledgerline_projected_position', 'Position of the last projected event', ({ position }) => position);
    gauges.add(
      'ledgerline_projection_lag_events',
      'Recorded events that are not projected yet',
      ({ head, position }) => head - position,
    );
    gauges.add(
      'ledgerline_projections_halted',
      '1 if the projections stopped at an event that cannot be applied, otherwise 0',
      ({ isHalted }) => (isHalted ? 1 : 0),
    );
    gauges.add(
      'ledgerline_rebuild_position',
      'Position of the read models that a rebuild is building; absent if there is no rebuild',
      ({ rebuilt }) => rebuilt,
    );
    gauges.add(
      'ledgerline_rebuild_lag_events',
      'Events by which the rebuild is behind the live read models; absent if there is no rebuild',
      ({ rebuilt, position }) => (rebuilt === null ? null : Math.max(0, position - rebuilt)),
    );
  }

  /** Counts a batch that this process has projected. */
  progressed({ batch, ms }: Progress): void {
    this.projected.observe(batch.length);
    this.projecting.observe(ms / 1000);
  }

  async append<Result>(
    { events, bytes }: { events: number; bytes: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    this.batches.observe(events);
    this.bytes.observe(bytes);
    this.appendsWaiting.inc();
    const end = this.appends.startTimer();
    try {
      const result = await work();
      end({ outcome: 'appended' });
      return result;
    } catch (error) {
      end({ outcome: error instanceof Error ? error.name : 'failed' });
      throw error;
    } finally {
      this.appendsWaiting.dec();
    }
  }

  async catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = this.catchUps.startTimer();
    try {
      return await work();
    } finally {
      end();
    }
  }
}
