import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { Progress } from '#read-model/projection';
import type { Measuring } from './measured.js';

const TRACED = /"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"/;

/** Traces what a process does with the ledger and sends the traces to a collector. */
export class LedgerTracing implements Measuring {
  private readonly provider: NodeTracerProvider;

  /** `process`: the name of the process, used as the scope of its spans. */
  constructor(
    endpoint: string,
    private readonly process: string,
  ) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
    this.provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
    this.provider.register();
  }

  protected get tracer() {
    return this.provider.getTracer(this.process);
  }

  append<Result>(
    { stream, events, bytes }: { stream: string; events: number; bytes: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    return this.within(
      'append',
      { 'ledgerline.stream': stream, 'ledgerline.events': events, 'ledgerline.bytes': bytes },
      work,
    );
  }

  catchUp<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.within('project', {}, work);
  }

  private async within<Result>(name: string, attributes: Attributes, work: () => Promise<Result>): Promise<Result> {
    const span = this.tracer.startSpan(name, { attributes });
    try {
      return await context.with(trace.setSpan(context.active(), span), work);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'failed' });
      throw error;
    } finally {
      span.end();
    }
  }

  /**
   * Adds the projection of a batch to each trace that recorded an event of the batch, in this process or another. The
   * metadata of an event name its trace. `endedAt` in milliseconds.
   */
  progressed({ batch, ms, position }: Progress, endedAt: number): void {
    const traces = new Set(batch.flatMap(({ metadata }) => TRACED.exec(metadata)?.[1] ?? []));
    for (const traceparent of traces) {
      const parent: Context = propagation.extract(ROOT_CONTEXT, { traceparent });
      const attributes = { 'ledgerline.events': batch.length, 'ledgerline.position': position };
      this.tracer.startSpan('project', { startTime: endedAt - ms, attributes }, parent).end(endedAt);
    }
  }

  /** Sends the spans that were not sent yet. */
  async close(): Promise<void> {
    await this.provider.shutdown();
  }
}

/** The current trace as a W3C `traceparent`, to be recorded with events; undefined if there is no trace. */
export function traceparentNow(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}
