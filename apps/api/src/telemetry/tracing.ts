import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestEnds } from '../request-ends.js';
import type { Measuring } from '#ledger/measured';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Traces from request to append to projection; sent to a collector where one is named, and else not made. */
export class Tracing implements Measuring {
  private readonly provider: NodeTracerProvider;
  private readonly spans = new WeakMap<object, Span>();

  constructor(endpoint: string) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
    this.provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
    this.provider.register();
  }

  private get tracer() {
    return this.provider.getTracer('ledgerline');
  }

  /** Each request is a span, of the trace that its `traceparent` names; all that is done for it is below. */
  attach(fastify: Fastify, ends: RequestEnds): void {
    fastify.addHook('onRequest', (request, _reply, done) => {
      const parent = propagation.extract(context.active(), request.headers);
      const attributes = { 'http.request.method': request.method, 'ledgerline.request_id': request.id };
      const span = this.tracer.startSpan(`${request.method} ${request.routeOptions.url ?? 'none'}`, { kind: SpanKind.SERVER, attributes }, parent);
      this.spans.set(request, span);
      context.with(trace.setSpan(parent, span), done);
    });
    ends.tell((request, reply) => {
      const span = this.spans.get(request);
      span?.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
      span?.end();
    });
  }

  append<Result>({ stream, events, bytes }: { stream: string; events: number; bytes: number }, work: () => Promise<Result>): Promise<Result> {
    return this.within('append', { 'ledgerline.stream': stream, 'ledgerline.events': events, 'ledgerline.bytes': bytes }, work);
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

  /** What was not sent yet is sent. */
  async close(): Promise<void> {
    await this.provider.shutdown();
  }
}
