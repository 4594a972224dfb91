import { Controller, Get, Header, Req, Res, type StreamableFile } from '@nestjs/common';
import { OpenToAll } from '../auth/access.js';
import type { Reply, Request } from '../http.js';
import { Routes } from '../routes.js';
import { StoredAnswer } from '../stored-answer.js';
import { openApiDocument } from './document.js';
import { docsPage } from './page.js';

@Controller('api')
export class OpenApiController {
  private stored: StoredAnswer | undefined;

  constructor(private readonly routes: Routes) {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @OpenToAll()
  page(): string {
    return docsPage();
  }

  @Get('docs-json')
  @OpenToAll()
  document(@Req() request: Request, @Res({ passthrough: true }) reply: Reply): StreamableFile {
    this.stored ??= new StoredAnswer(
      'application/json; charset=utf-8',
      Buffer.from(JSON.stringify(openApiDocument(this.routes.all))),
    );
    return this.stored.send(request, reply);
  }
}
