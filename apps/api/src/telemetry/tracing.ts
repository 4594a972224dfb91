import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerTracing } from '#runtime/telemetry/ledger-tracing';
import type { RequestEnds } from '../request-ends.js';

type Fastify = ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>;

/** Traces from request to append to projection; sent to a collector where one is named, and else not made. */
export class Tracing extends LedgerTracing {
  private readonly spans = new WeakMap<object, Span>();

  /** Each request is a span, of the trace that its `traceparent` names; all that is done for it is below. */
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
    ends.tell((request, reply) => {
      const span = this.spans.get(request);
      span?.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
      span?.end();
    });
  }
}
