import { Controller, Get, Header } from '@nestjs/common';
import { OpenToAll } from '../auth/access.js';
import { Routes } from '../routes.js';
import { openApiDocument } from './document.js';
import { docsPage } from './page.js';

@Controller('api')
export class OpenApiController {
  constructor(private readonly routes: Routes) {}

  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @OpenToAll()
  page(): string {
    return docsPage(openApiDocument(this.routes.all));
  }

  @Get('docs-json')
  @OpenToAll()
  document(): object {
    return openApiDocument(this.routes.all);
  }
}
