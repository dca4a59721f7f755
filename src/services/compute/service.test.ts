import { afterEach, describe, expect, it } from 'vitest';
import { type ComputeUnderTest, OTHER_PROJECT, PROJECT, startCompute } from '#tests/api/compute.ts';

let compute: ComputeUnderTest;
afterEach(() => compute.close());

describe('the service', () => {
  it('lists its versions without a token', async () => {
    compute = await startCompute();
    const { status, body } = await compute.ask('GET /');
    expect(status).toBe(200);
    expect(body.versions).toMatchObject([
      { id: 'v2.0', status: 'SUPPORTED', version: '', min_version: '' },
      { id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' },
    ]);
    expect(body.versions[1].links).toEqual([{ rel: 'self', href: 'http://cloud.example:8774/v2.1/' }]);
  });

  it('shows one version with and without a slash at the end', async () => {
    compute = await startCompute();
    for (const path of ['/v2.1', '/v2.1/']) {
      const { status, body } = await compute.ask(`GET ${path}`);
      expect([status, body.version.id, body.version['media-types'][0].base]).toEqual([200, 'v2.1', 'application/json']);
    }
  });

  it('offers its versions to those who ask for another', async () => {
    compute = await startCompute();
    const { status, body } = await compute.ask('GET /v3');
    expect([status, body.choices.length]).toEqual([300, 2]);
  });

  it('answers a request without a token as the token middleware does', async () => {
    compute = await startCompute();
    const { status, body } = await compute.ask('GET /v2.1/nothing');
    expect([status, body.error.code]).toEqual([401, 401]);
  });
});

describe('the API of before microversions', () => {
  const flavor = { name: 'small', ram: 512, vcpus: 1, disk: 1, id: 'x' };

  it('is that of 2.1, whatever version is asked for, and says nothing of versions', async () => {
    compute = await startCompute();
    await compute.ask('POST /v2/flavors', { as: 'admin', body: { flavor } });
    for (const path of ['/v2/flavors/x', `/v2/${PROJECT}/flavors/x`]) {
      const { status, body, headers } = await compute.ask(`GET ${path}`, { as: 'member', version: 'latest' });
      expect([status, body.flavor.swap, 'description' in body.flavor]).toEqual([200, '', false]);
      expect(body.flavor.links[0].href).toBe(`http://cloud.example:8774${path}`);
      expect(headers['openstack-api-version']).toBeUndefined();
    }
    expect((await compute.ask('PUT /v2/flavors/x', { as: 'admin', body: {} })).status).toBe(404);
    expect((await compute.ask(`GET /v2/${OTHER_PROJECT}/flavors`, { as: 'member' })).status).toBe(400);
  });
});
