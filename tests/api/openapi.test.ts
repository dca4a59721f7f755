import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Json, OPENAPI_PATH, templatePath } from '#kernel/api/openapi.ts';
import type { Route } from '#kernel/api/route.ts';
import { factsOf } from '#kernel/http/service-app.ts';
import { type CloudUnderTest, startCloud } from '../support/cloud.ts';

interface Operation extends Json {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Json>>;
  readonly 'x-policy'?: readonly { readonly rule: string; readonly check: string }[];
}
interface Document extends Json {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Json>> };
}

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];

let cloud: CloudUnderTest;
const documents = new Map<string, Document>();
beforeAll(async () => {
  cloud = await startCloud({ hosts: 1 });
  for (const { type } of cloud.controller.services) {
    const { status, body } = await cloud.ask(type, `GET ${OPENAPI_PATH}`, { token: null, version: null });
    expect([type, status]).toEqual([type, 200]);
    documents.set(type, body);
  }
});
afterAll(() => cloud.stop());

const routesOf = (type: string): readonly Route[] => {
  const service = cloud.controller.services.find((one) => one.type === type);
  return service === undefined ? [] : factsOf(service.app).routes;
};
const operationsOf = (document: Document): Operation[] =>
  Object.values(document.paths).flatMap((item) => METHODS.flatMap((method) => item[method] ?? []));

/** Whether a path with its variables' names forgotten is there. */
const shapeOfPath = (path: string): string => path.replace(/\{\w+\}/g, '{}');

/** The schemas of a document, wherever they stand. */
function schemasIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === 'schema' ? [item] : schemasIn(item)));
}

describe('the OpenAPI document of every service', () => {
  it('is valid OpenAPI 3.1', async () => {
    for (const [type, document] of documents) {
      const { valid, errors } = await new Validator().validate(structuredClone(document));
      expect([type, valid, errors]).toEqual([type, true, undefined]);
    }
  });

  it('holds only schemas that are JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const document of documents.values())
      for (const schema of schemasIn(document)) expect(() => ajv.compile(schema as object)).not.toThrow();
  });

  it('has every operation of the service', () => {
    for (const [type, document] of documents) {
      const there = new Set(
        Object.entries(document.paths).flatMap(([path, item]) =>
          Object.keys(item).map((method) => `${method} ${shapeOfPath(path)}`),
        ),
      );
      const wanted = routesOf(type).flatMap(({ methods, aliasOf, path }) =>
        methods
          .filter((method) => method !== 'COPY')
          .map((method) => `${method.toLowerCase()} ${shapeOfPath(templatePath(aliasOf ?? path))}`),
      );
      expect([type, wanted.filter((operation) => !there.has(operation))]).toEqual([type, []]);
    }
  });

  it('names every operation once', () => {
    for (const [type, document] of documents) {
      const ids = operationsOf(document).map(({ operationId }) => operationId);
      expect([type, ids.filter((id, i) => ids.indexOf(id) !== i)]).toEqual([type, []]);
    }
  });

  it('shows errors as the service sends them', async () => {
    for (const [type, document] of documents) {
      const answer = await cloud.ask(type, `GET ${type === 'compute' ? '/v2.1/servers' : '/v2/nothing-such'}`, {
        token: null,
        headers: { accept: 'application/json' },
      });
      const { content } = document.components.responses['error401'] as { content: Json };
      const { schema } = content['application/json'] as { schema: object };
      expect([type, answer.status, new Ajv2020({ strict: false }).validate(schema, answer.body)]).toEqual([
        type,
        401,
        true,
      ]);
    }
  });

  it('says where the service is, as it was asked for', async () => {
    for (const [type, document] of documents) {
      expect(document.servers[0]?.url).toBe(cloud.urls[type]);
      const answer = await fetch(`${cloud.urls['dashboard']}/${type}${OPENAPI_PATH}`);
      const through = (await answer.json()) as Document;
      expect(through.servers[0]?.url).toBe(`${cloud.urls['dashboard']}/${type}`);
    }
  });

  it('gives a field of a body the microversions that have it', () => {
    const server = documents.get('compute')?.paths['/v2.1/servers']?.['post'] as unknown as Json;
    expect(JSON.stringify(server)).toContain('"x-openstack":{"min-ver":"2.19"}');
    const groups = documents.get('compute')?.paths['/v2.1/os-server-groups']?.['post'];
    const body = groups?.['requestBody'] as { content: Record<string, { schema: { anyOf: Json[] } }> } | undefined;
    expect(body?.content['application/json']?.schema.anyOf.map((schema) => schema['x-openstack'])).toEqual([
      { 'max-ver': '2.14' },
      { 'min-ver': '2.15', 'max-ver': '2.63' },
      { 'min-ver': '2.64' },
    ]);
  });
});
