import { afterEach, describe, expect, it } from 'vitest';
import { type ComputeUnderTest, startCompute } from '#tests/api/compute.ts';

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
