import { Controller, Get, Header } from '@nestjs/common';
import { OpenToAll } from '../auth/access.js';
import { Routes } from '../routes.js';
import { openApiDocument } from './document.js';
import type { JsonObject } from './json-schema.js';
import { docsPage } from './page.js';
import { DOCS_STYLE } from './style.js';

@Controller('api')
export class OpenApiController {
  private built: JsonObject | undefined;
  private shown: string | undefined;

  constructor(private readonly routes: Routes) {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @OpenToAll()
  page(): string {
    return (this.shown ??= docsPage(this.document()));
  }

  @Get('docs.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @OpenToAll()
  style(): string {
    return DOCS_STYLE;
  }

  @Get('docs-json')
  @OpenToAll()
  document(): JsonObject {
    return (this.built ??= openApiDocument(this.routes.all));
  }
}
