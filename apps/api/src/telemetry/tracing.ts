import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerTracing } from '#runtime/telemetry/ledger-tracing';
import type { RequestEnds } from '../request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Traces from request to append and projection, sent to a collector. Without a collector there are no traces. */
export class Tracing extends LedgerTracing {
  private readonly spans = new WeakMap<object, Span>();

  /** Each request is a span in the trace of its `traceparent` header. Its work has spans below it. */
  attach(fastify: Fastify, ends: RequestEnds): void {
    fastify.addHook('onRequest', (request, _reply, done) => {
      const parent = propagation.extract(context.active(), request.headers);
      const attributes = { 'http.request.method': request.method, 'ledgerline.request_id': request.id };
      const span = this.tracer.startSpan(
        `${request.method} ${request.routeOptions.url ?? 'none'}`,
        { kind: SpanKind.SERVER, attributes },
        parent,
      );
      this.spans.set(request, span);
      context.with(trace.setSpan(parent, span), done);
    });
    ends.onEnd((request, reply) => {
      const span = this.spans.get(request);
      span?.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
      span?.end();
    });
  }
}
