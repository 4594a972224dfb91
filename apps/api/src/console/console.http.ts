import { Controller, Get, Header } from '@nestjs/common';
import { OpenToAll } from '../auth/access.js';
import { CONSOLE_PAGE } from './page.js';
import { CONSOLE_SCRIPT } from './script.js';
import { CONSOLE_STYLE } from './style.js';

/** The page is empty without a token. It uses the API with the rights of the token. */
@Controller()
export class ConsoleController {
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @OpenToAll()
  page(): string {
    return CONSOLE_PAGE;
  }

  @Get('console/console.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @OpenToAll()
  script(): string {
    return CONSOLE_SCRIPT;
  }

  @Get('console/console.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @OpenToAll()
  style(): string {
    return CONSOLE_STYLE;
  }
}
