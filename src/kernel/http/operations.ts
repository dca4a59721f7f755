/** The routes of a service as Fastify gets them: several operations may share a path and method, each for its own span of microversions. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { Microversion } from '../api/microversion.ts';
import type { Route } from '../api/route.ts';
import { createValidator, type Validator } from '../api/validate.ts';

export interface Operation {
  readonly route: Route;
  readonly checkBody: Validator | undefined;
  readonly checkQuery: Validator | undefined;
}

export type RunOperation = (
  operations: readonly Operation[],
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<unknown>;

/** Mounts routes; `run` gets all operations of the path and method asked for. */
export function mountRoutes(app: FastifyInstance, routes: readonly Route[], run: RunOperation): void {
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    const byMethod = operationsByMethod(ofPath);
    for (const [method, operations] of byMethod) {
      if (method === 'HEAD' && byMethod.has('GET')) continue; // Fastify answers HEAD by GET
      app.route({
        method: method as HTTPMethods,
        url: path,
        config: { operations },
        handler: (request, reply) => run(operations, request, reply),
      });
    }
  }
}

function operationsByMethod(routes: readonly Route[]): Map<string, Operation[]> {
  const byMethod = new Map<string, Operation[]>();
  for (const route of routes) {
    const operation = {
      route,
      checkBody: route.body === undefined ? undefined : createValidator(route.body, 'body'),
      checkQuery: route.query === undefined ? undefined : createValidator(route.query, 'query'),
    };
    for (const method of route.methods) byMethod.set(method, [...(byMethod.get(method) ?? []), operation]);
  }
  return byMethod;
}

/** The operations of a request's path and method; undefined where no route of the service is. */
export function operationsOf(request: FastifyRequest): readonly Operation[] | undefined {
  const { operations } = request.routeOptions.config as { operations?: readonly Operation[] };
  return operations;
}

/** The one operation among those of a path and method that a microversion has. */
export function operationAt(
  operations: readonly Operation[],
  version: Microversion | undefined,
): Operation | undefined {
  return operations.find(({ route }) => isAt(route, version));
}

function isAt({ since, before }: Route, version: Microversion | undefined): boolean {
  if (version === undefined) return true;
  return (since === undefined || version >= since) && (before === undefined || version < before);
}

/** Which methods a path has, whatever the microversion, for saying so to those who ask with another. */
export function createMethodLookup(routes: readonly Route[]): (path: string) => string[] {
  const patterns = [...Map.groupBy(routes, (route) => route.path)].map(([path, ofPath]) => ({
    pattern: patternOf(path),
    methods: new Set<string>(ofPath.flatMap((route) => route.methods)),
  }));
  return (path) => patterns.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]);
}

function patternOf(path: string): RegExp {
  const parts = path.split('/').filter((part) => part !== '');
  const pattern = parts.map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : escapeRegExp(part)));
  return new RegExp(`^/*${pattern.join('/+')}$`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
