import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CloudUnderTest, startCloud } from '../support/cloud.ts';

let cloud: CloudUnderTest;
beforeAll(async () => {
  cloud = await startCloud({ hosts: 1 });
});
afterAll(() => cloud.stop());

const DOCUMENTS: Readonly<Record<string, readonly string[]>> = {
  identity: ['/', '/v3'],
  image: ['/', '/versions'],
  placement: ['/'],
  compute: ['/', '/v2.1', '/v2.1/'],
  network: ['/', '/v2.0'],
};

/** Every link of ours in a document, resolved as clients do: placement's, like the real one's, is empty. */
function ownLinks(document: unknown, base: string): string[] {
  const links = linksIn(document).map((link) => new URL(link, base).href);
  return links.filter((link) => !link.includes('docs.openstack.org'));
}

function linksIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === 'href' && typeof item === 'string' ? [item] : linksIn(item),
  );
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url, { headers: { 'x-auth-token': await cloud.token() } })).status;
}

const documents = (): [string, string][] =>
  cloud.controller.services.flatMap(({ type }) =>
    (DOCUMENTS[type] ?? []).map((path): [string, string] => [type, path]),
  );

describe('version documents', () => {
  it('are there for every service without a token', async () => {
    for (const [service, path] of documents()) {
      const answer = await cloud.ask(service, `GET ${path}`, { token: null, version: null });
      expect([service, path, answer.status < 301, typeof answer.body]).toEqual([service, path, true, 'object']);
    }
  });

  it('have only links that answer', async () => {
    const links = new Set<string>();
    for (const [service, path] of documents()) {
      const { body } = await cloud.ask(service, `GET ${path}`, { token: null, version: null });
      for (const link of ownLinks(body, `${cloud.urls[service]}${path}`)) links.add(link);
    }
    expect(links.size).toBeGreaterThanOrEqual(cloud.controller.services.length);
    for (const link of links) expect([link, await statusOf(link)]).toEqual([link, expect.toBeOneOf([200, 300])]);
  });

  it('name the address by which they were asked for', async () => {
    for (const { type } of cloud.controller.services) {
      const base = `${cloud.urls['dashboard']}/${type}/`;
      const own = ownLinks(await (await fetch(base)).json(), base);
      expect([type, own.filter((link) => !link.startsWith(base))]).toEqual([type, []]);
      for (const link of own) expect([link, await statusOf(link)]).toEqual([link, expect.toBeOneOf([200, 300])]);
    }
  });
});

describe('the catalog', () => {
  it('names an endpoint of every service, and each answers its token', async () => {
    const { body } = await cloud.get('identity', 'GET /v3/auth/catalog');
    const types = body.catalog.map((entry: { type: string }) => entry.type);
    for (const { type } of cloud.controller.services) expect(types).toContain(type);
    const urls: string[] = body.catalog.flatMap((entry: { endpoints: { url: string }[] }) =>
      entry.endpoints.map(({ url }) => url),
    );
    for (const url of urls) {
      expect([url, await statusOf(url)]).toEqual([url, expect.toBeOneOf([200, 300])]);
    }
  });

  it('names nothing that is not there', async () => {
    const { body } = await cloud.get('identity', 'GET /v3/auth/catalog');
    const types = body.catalog.map((entry: { type: string }) => entry.type).toSorted();
    expect(types).toEqual(cloud.controller.services.map(({ type }) => type).toSorted());
  });
});

describe('under one port', () => {
  it('every service answers by its path as on its own port', async () => {
    const token = await cloud.token();
    const paths: Record<string, string> = {
      identity: '/v3/users',
      image: '/v2/images',
      placement: '/resource_providers',
      compute: '/v2.1/flavors/detail',
      network: '/v2.0/networks',
    };
    for (const { type } of cloud.controller.services) {
      const path = paths[type] ?? '/';
      const direct = await cloud.get(type, `GET ${path}`, { token });
      const through = await fetch(`${cloud.urls['dashboard']}/${type}${path}`, {
        headers: { 'x-auth-token': token, 'openstack-api-version': `${type} latest` },
      });
      const expected = direct.text.replaceAll(cloud.urls[type] ?? '', `${cloud.urls['dashboard']}/${type}`);
      expect([type, through.status, JSON.parse(await through.text())]).toEqual([type, 200, JSON.parse(expected)]);
    }
  });

  it('a path that is nobody’s is 404', async () => {
    expect((await fetch(`${cloud.urls['dashboard']}/no-such-service/v1`)).status).toBe(404);
  });

  it('metrics count the requests by operation', async () => {
    await cloud.get('compute', 'GET /v2.1/flavors');
    const text = await (await fetch(`${cloud.urls['dashboard']}/metrics`)).text();
    expect(text).toMatch(
      /pileus_http_request_seconds_count\{service="compute",route="listFlavors",status="200"\} [1-9]/,
    );
  });
});

describe('healthchecks', () => {
  it('answer on every service without a token', async () => {
    for (const { type } of cloud.controller.services) {
      const answer = await cloud.ask(type, 'GET /healthcheck', { token: null, version: null });
      expect([type, answer.status, answer.text]).toEqual([type, 200, 'OK']);
    }
  });
});

it('nothing is logged as a warning by an idle cloud that is asked well', async () => {
  expect(await cloud.complaints()).toEqual([]);
});
