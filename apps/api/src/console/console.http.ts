import { randomBytes } from 'node:crypto';
import { Controller, Get, Header, Param, Redirect, Req, Res, type StreamableFile } from '@nestjs/common';
import { notFound } from '#domain/errors';
import { contentSecurityPolicy } from '../answer-headers.js';
import { DOCUMENT_STYLE_SOURCE } from '#exchange/documents/page';
import { OpenToAll } from '../auth/access.js';
import type { Reply, Request } from '../http.js';
import { consoleFiles } from './files.js';

const HTML = 'text/html; charset=utf-8';
const NONCE_BYTES = 16;

/** The page is empty without a token. It uses the API with the rights of the token. */
@Controller()
export class ConsoleController {
  @Get()
  @Redirect('/console', 302)
  @OpenToAll()
  root(): void {
    // The addresses of the console are below its own path.
  }

  @Get('console')
  @Header('content-type', HTML)
  @OpenToAll()
  start(@Res({ passthrough: true }) reply: Reply): string {
    return page(reply);
  }

  @Get('console/:page')
  @Header('content-type', HTML)
  @OpenToAll()
  list(@Res({ passthrough: true }) reply: Reply): string {
    return page(reply);
  }

  @Get('console/:page/:id')
  @Header('content-type', HTML)
  @OpenToAll()
  detail(@Res({ passthrough: true }) reply: Reply): string {
    return page(reply);
  }

  @Get('graphiql')
  @Header('content-type', HTML)
  @OpenToAll()
  graphiql(@Res({ passthrough: true }) reply: Reply): string {
    reply.header('content-security-policy', contentSecurityPolicy(DOCUMENT_STYLE_SOURCE, 'data:'));
    return consoleFiles().pages.graphiql;
  }

  /** The name of a file has the hash of its content. */
  @Get('console/assets/:name')
  @OpenToAll()
  asset(
    @Param('name') name: string,
    @Req() request: Request,
    @Res({ passthrough: true }) reply: Reply,
  ): StreamableFile {
    const file = consoleFiles().assets.get(name);
    if (file === undefined) throw notFound('unknown_route', `the console has no file ${name}. Load the page again.`);
    // Only what is there may be kept: during an update, an older process does not have the newer files.
    reply.header('cache-control', 'public, max-age=31536000, immutable');
    return file.send(request, reply);
  }
}

/** The page of every address: its program shows what the address says. */
function page(reply: Reply): string {
  // The components have styles in elements, which a policy allows only by a nonce of each response.
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  // A document is opened from memory, where this policy applies to it too: its style is known by a hash.
  reply.header('content-security-policy', contentSecurityPolicy(`'nonce-${nonce}' ${DOCUMENT_STYLE_SOURCE}`));
  return consoleFiles().pages.index.replace('%NONCE%', nonce);
}
