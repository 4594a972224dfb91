import { Controller, Get, Header } from '@nestjs/common';
import { OpenToAll } from '../auth/access.js';
import { Routes } from '../routes.js';
import { openApiDocument } from './document.js';
import type { JsonObject } from './json-schema.js';
import { docsPage } from './page.js';

@Controller('api')
export class OpenApiController {
  private built: JsonObject | undefined;

  constructor(private readonly routes: Routes) {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @OpenToAll()
  page(): string {
    return docsPage();
  }

  @Get('docs-json')
  @OpenToAll()
  document(): JsonObject {
    return (this.built ??= openApiDocument(this.routes.all));
  }
}
