import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ComputeUnderTest, OTHER_PROJECT, PROJECT, startCompute } from '#tests/api/compute.ts';
import { checkExtraSpec } from './extra-specs.ts';

let compute: ComputeUnderTest;
beforeEach(async () => {
  compute = await startCompute();
});
afterEach(() => compute.close());

const SMALL = { name: 'small', ram: 512, vcpus: 1, disk: 1 };
const create = (flavor: object, version = 'latest') =>
  compute.ask('POST /v2.1/flavors', { as: 'admin', version, body: { flavor } });

describe('flavors', () => {
  it('are made by administrators only', async () => {
    expect((await compute.ask('POST /v2.1/flavors', { as: 'member', body: { flavor: SMALL } })).status).toBe(403);
    const { status, body } = await create({ ...SMALL, id: 7, swap: '16' });
    expect([status, body.flavor]).toMatchObject([200, { id: '7', swap: 16, rxtx_factor: 1, extra_specs: {} }]);
  });

  it('show their links below the root that the caller used', async () => {
    await create({ ...SMALL, id: 'x' });
    const plain = await compute.ask('GET /v2.1/flavors/x', { as: 'member' });
    expect(plain.body.flavor.links[0].href).toBe('http://cloud.example:8774/v2.1/flavors/x');
    const legacy = await compute.ask(`GET /v2.1/${PROJECT}/flavors/x`, { as: 'member' });
    expect(legacy.body.flavor.links).toEqual([
      { rel: 'self', href: `http://cloud.example:8774/v2.1/${PROJECT}/flavors/x` },
      { rel: 'bookmark', href: `http://cloud.example:8774/${PROJECT}/flavors/x` },
    ]);
  });

  it("are refused below another project's root", async () => {
    const { status, body } = await compute.ask(`GET /v2.1/${OTHER_PROJECT}/flavors`, { as: 'member' });
    expect([status, body.badRequest.message]).toEqual([
      400,
      `Malformed request URL: URL's project_id '${OTHER_PROJECT}' doesn't match Context's project_id '${PROJECT}'`,
    ]);
  });

  it('of the same name or id are refused with 409', async () => {
    await create({ ...SMALL, id: 'x' });
    const sameName = await create(SMALL);
    expect([sameName.status, sameName.body.conflictingRequest.message]).toEqual([
      409,
      'Flavor with name small already exists.',
    ]);
    const sameId = await create({ ...SMALL, name: 'other', id: 'x' });
    expect(sameId.body.conflictingRequest.message).toBe('Flavor with ID x already exists.');
  });

  it.each([
    [{ ...SMALL, ram: 0 }, 'Invalid input for field/attribute ram. Value: 0. 0 is less than the minimum of 1'],
    [{ ...SMALL, vcpus: '99999999999' }, 'vcpus must be <= 2147483647'],
    [
      { ...SMALL, name: ' x' },
      "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
    ],
    [{ ...SMALL, name: 'x'.repeat(256) }, 'too long'],
    [{ ...SMALL, rxtx_factor: 0 }, 'rxtx_factor'],
    [{ name: 'x', ram: 1, vcpus: 1 }, "'disk' is a required property"],
    [{ ...SMALL, colour: 'red' }, "Additional properties are not allowed ('colour' was unexpected)"],
    [{ ...SMALL, 'os-flavor-access:is_public': 'perhaps' }, 'is not one of'],
  ])('with a bad field are refused: %j', async (flavor, sentence) => {
    const { status, body } = await create(flavor);
    expect(status).toBe(400);
    expect(body.badRequest.message).toContain(sentence);
  });

  it('have a description from 2.55 on and no empty swap from 2.75 on', async () => {
    expect((await create({ ...SMALL, description: 'x' }, '2.54')).status).toBe(400);
    expect((await create({ ...SMALL, id: 'x', description: 'text' }, '2.55')).body.flavor.description).toBe('text');
    const old = await compute.ask('GET /v2.1/flavors/x', { as: 'member', version: '2.1' });
    expect([old.body.flavor.swap, 'description' in old.body.flavor]).toEqual(['', false]);
    const changed = await compute.ask('PUT /v2.1/flavors/x', { as: 'admin', body: { flavor: { description: null } } });
    expect([changed.status, changed.body.flavor.description]).toEqual([200, null]);
    expect((await compute.ask('PUT /v2.1/flavors/x', { as: 'admin', version: '2.54', body: {} })).status).toBe(404);
  });

  it('are paged by marker in the order of their ids', async () => {
    for (const id of ['a', 'b', 'c']) await create({ ...SMALL, name: id, id });
    const first = await compute.ask('GET /v2.1/flavors?limit=2', { as: 'member' });
    expect(first.body.flavors.map((flavor: { id: string }) => flavor.id)).toEqual(['a', 'b']);
    expect(first.body.flavors_links).toEqual([
      { rel: 'next', href: 'http://cloud.example:8774/v2.1/flavors?limit=2&marker=b' },
    ]);
    const second = await compute.ask('GET /v2.1/flavors?limit=2&marker=b', { as: 'member' });
    expect(second.body.flavors.map((flavor: { id: string }) => flavor.id)).toEqual(['c']);
    expect(second.body.flavors_links).toBeUndefined();
    const lost = await compute.ask('GET /v2.1/flavors?marker=zzz', { as: 'member' });
    expect([lost.status, lost.body.badRequest.message]).toEqual([400, 'marker [zzz] not found']);
  });

  it('can be filtered by what they have at least', async () => {
    await create({ ...SMALL, id: 'a' });
    await create({ ...SMALL, name: 'big', id: 'b', ram: 4096, disk: 20 });
    const ids = async (query: string) =>
      (await compute.ask(`GET /v2.1/flavors/detail?${query}`, { as: 'member' })).body.flavors.map(
        (flavor: { id: string }) => flavor.id,
      );
    expect(await ids('minRam=1024')).toEqual(['b']);
    expect(await ids('minDisk=2')).toEqual(['b']);
    expect(await ids('sort_key=memory_mb&sort_dir=desc')).toEqual(['b', 'a']);
    const bad = await compute.ask('GET /v2.1/flavors?minRam=much', { as: 'member' });
    expect([bad.status, bad.body.badRequest.message]).toEqual([400, 'Invalid minRam filter [much]']);
    const unknown = await compute.ask('GET /v2.1/flavors?colour=red', { as: 'member' });
    expect([unknown.status, unknown.body.badRequest.message]).toEqual([
      400,
      "Additional properties are not allowed ('colour' was unexpected)",
    ]);
    expect((await compute.ask('GET /v2.1/flavors?colour=red', { as: 'member', version: '2.74' })).status).toBe(200);
  });
});

describe('a private flavor', () => {
  beforeEach(() => create({ ...SMALL, id: 'p', 'os-flavor-access:is_public': false }));

  it('is there only for those projects that it is given to', async () => {
    const seen = async () => (await compute.ask('GET /v2.1/flavors/p', { as: 'stranger' })).status;
    expect(await seen()).toBe(404);
    const add = { addTenantAccess: { tenant: OTHER_PROJECT } };
    const added = await compute.ask('POST /v2.1/flavors/p/action', { as: 'admin', body: add });
    expect([added.status, added.body]).toEqual([
      200,
      { flavor_access: [{ flavor_id: 'p', tenant_id: OTHER_PROJECT }] },
    ]);
    expect(await seen()).toBe(200);
    expect((await compute.ask('GET /v2.1/flavors', { as: 'stranger' })).body.flavors).toHaveLength(1);
    expect((await compute.ask('GET /v2.1/flavors', { as: 'member' })).body.flavors).toHaveLength(0);
    expect((await compute.ask('POST /v2.1/flavors/p/action', { as: 'admin', body: add })).status).toBe(409);
    const remove = { removeTenantAccess: { tenant: OTHER_PROJECT } };
    expect(
      (await compute.ask('POST /v2.1/flavors/p/action', { as: 'admin', body: remove })).body.flavor_access,
    ).toEqual([]);
    expect((await compute.ask('POST /v2.1/flavors/p/action', { as: 'admin', body: remove })).status).toBe(404);
    expect(await seen()).toBe(404);
  });

  it('is listed for administrators who ask for it', async () => {
    const count = async (query: string) =>
      (await compute.ask(`GET /v2.1/flavors?is_public=${query}`, { as: 'admin' })).body.flavors.length;
    expect([await count('True'), await count('false'), await count('None')]).toEqual([0, 1, 1]);
  });
});

describe('extra specs', () => {
  beforeEach(() => create({ ...SMALL, id: 'x' }));

  it('are set, shown, changed and deleted one by one', async () => {
    const made = await compute.ask('POST /v2.1/flavors/x/os-extra_specs', {
      as: 'admin',
      body: { extra_specs: { 'hw:cpu_policy': 'shared', 'my:own': 'x' } },
    });
    expect([made.status, made.body]).toEqual([200, { extra_specs: { 'hw:cpu_policy': 'shared', 'my:own': 'x' } }]);
    const changed = await compute.ask('PUT /v2.1/flavors/x/os-extra_specs/my:own', {
      as: 'admin',
      body: { 'my:own': 'y' },
    });
    expect([changed.status, changed.body]).toEqual([200, { 'my:own': 'y' }]);
    const shown = await compute.ask('GET /v2.1/flavors/x/os-extra_specs/my:own', { as: 'reader' });
    expect(shown.body).toEqual({ 'my:own': 'y' });
    expect((await compute.ask('DELETE /v2.1/flavors/x/os-extra_specs/my:own', { as: 'admin' })).status).toBe(200);
    const gone = await compute.ask('GET /v2.1/flavors/x/os-extra_specs/my:own', { as: 'reader' });
    expect([gone.status, gone.body.itemNotFound.message]).toEqual([
      404,
      'Flavor x has no extra specs with key my:own.',
    ]);
    expect((await compute.ask('GET /v2.1/flavors/x', { as: 'reader' })).body.flavor.extra_specs).toEqual({
      'hw:cpu_policy': 'shared',
    });
  });

  it('that are known are checked from 2.86 on', async () => {
    const post = (version: string) =>
      compute.ask('POST /v2.1/flavors/x/os-extra_specs', {
        as: 'admin',
        version,
        body: { extra_specs: { 'hw:numa_nodes': 'foo' } },
      });
    expect((await post('2.85')).status).toBe(200);
    const { status, body } = await post('2.86');
    expect([status, body.badRequest.message]).toEqual([400, "Validation failed; 'foo' is not a valid integer value."]);
  });

  it.each([
    ['hw:cpu_policy', 'dedicated', true],
    ['hw:cpu_policy', 'sharrred', false],
    ['hw:cpu_policyyyyyyy', 'dedicated', false],
    ['hw:numa_cpus.0', '0-3,^2', true],
    ['hw:foo', 'bar', false],
    ['foo', 'bar', true],
    ['os:monitors', '9', false],
    ['trait:CUSTOM_GOLD', 'required', true],
    ['trait1:CUSTOM_GOLD', 'maybe', false],
    ['resources:VCPU', '1', true],
    ['aggregate_instance_extra_specs:ssd', 'true', true],
    ['hw_rng:allowed', 'True', true],
  ])('%s=%s is valid: %s', (name, value, isValid) => {
    const check = () => checkExtraSpec(name, value);
    if (isValid) expect(check).not.toThrow();
    else expect(check).toThrow('Validation failed');
  });
});
