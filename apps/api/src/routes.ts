import { Injectable, type OnModuleInit, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type Access, accessOf } from './auth/access.js';

/** A route, as its controller declares it. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** `/api/v1/invoices/:id` */
  readonly path: string;
  readonly access: Access;
}

/**
 * All routes of the application. It does not start if a route does not declare who may use it, so that no route is open
 * by mistake.
 */
@Injectable()
export class Routes implements OnModuleInit {
  all: readonly Route[] = [];
  private readonly access = new Map<string, Access>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onModuleInit(): void {
    this.all = this.discovery.getControllers().flatMap(({ metatype, instance }) => this.routesOf(metatype, instance));
    for (const { method, path, access } of this.all) this.access.set(`${method} ${path}`, access);
  }

  /** Who may use a route, by the path that Fastify has for it. */
  accessOf(method: string, path: string | undefined): Access | undefined {
    // Fastify answers HEAD where there is GET.
    return this.access.get(`${method === 'HEAD' ? 'GET' : method} ${path === '' ? '/' : path}`);
  }

  private routesOf(controller: object | null, instance: unknown): Route[] {
    if (controller === null || typeof instance !== 'object' || instance === null) return [];
    const prefix = textOf(Reflect.getMetadata(PATH_METADATA, controller));
    const prototype: unknown = Object.getPrototypeOf(instance);
    if (typeof prototype !== 'object' || prototype === null) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((name): Route[] => {
      const handler: unknown = Reflect.get(prototype, name);
      if (typeof handler !== 'function' || !Reflect.hasMetadata(PATH_METADATA, handler)) return [];
      const path = pathOf(prefix, textOf(Reflect.getMetadata(PATH_METADATA, handler)));
      const access = accessOf(handler);
      if (access === undefined)
        throw new Error(
          `${path} (${name}) does not declare who may use it. Add @AnswersQuery, @AllowedTo or @OpenToAll.`,
        );
      return [{ method: methodOf(handler, path), path, access }];
    });
  }
}

function methodOf(handler: object, path: string): Route['method'] {
  const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
  if (method === RequestMethod.GET) return 'GET';
  if (method === RequestMethod.POST) return 'POST';
  throw new Error(`${path}: the API reads with GET and writes with POST`);
}

const textOf = (value: unknown): string => {
  if (typeof value !== 'string') throw new Error('a controller and a route have one path');
  return value;
};

const pathOf = (...parts: string[]): string =>
  `/${parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/')}`;
