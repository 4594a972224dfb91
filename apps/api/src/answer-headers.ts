import { DOCUMENT_STYLE_SOURCE } from '#exchange/documents/page';
import { correlationIdOf, type Request } from './http.js';

/**
 * Pages load nothing external, have no inline script, and can't be framed. `style`, `font`: what else may be a style or
 * a font.
 */
export const contentSecurityPolicy = (style: string, font = "'none'"): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${style}`,
    "connect-src 'self'",
    'img-src data:',
    `font-src ${font}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join(';');

/**
 * Headers of every response, also of those that Node gives itself. There is no Strict-Transport-Security: a proxy that
 * ends TLS sets it. Responses are private and change at any time, so proxies and browsers must not store them.
 */
const ALWAYS = {
  'content-security-policy': contentSecurityPolicy(DOCUMENT_STYLE_SOURCE),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
  'cache-control': 'no-store',
};

export const headersFor = (request: Pick<Request, 'id' | 'headers'>): Record<string, string> => ({
  ...ALWAYS,
  'x-request-id': request.id,
  'x-correlation-id': correlationIdOf(request),
});
