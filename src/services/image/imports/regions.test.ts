import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageUnderTest, startImage } from '#tests/api/image.ts';

const DATA = Buffer.from('the data of an image, '.repeat(100));
const NOWHERE = '36d4b546-64a2-4bb9-bdd0-ba676aa48f2c';

let here: ImageUnderTest;
let there: ImageUnderTest;
/** A region whose image service answers what a test says. */
let crooked: Server;
let crookedAnswer: (path: string) => { status: number; headers?: Record<string, string>; body?: string | Buffer };
let asked: { path: string; token: unknown }[];

beforeEach(async () => {
  asked = [];
  there = await startImage();
  const thereUrl = await there.service.app.listen({ host: '127.0.0.1', port: 0 });
  crooked = createServer((request, response) => {
    asked.push({ path: request.url ?? '', token: request.headers['x-auth-token'] });
    const { status, headers = {}, body = '' } = crookedAnswer(request.url ?? '');
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => crooked.listen(0, '127.0.0.1', resolve));
  const crookedUrl = `http://127.0.0.1:${(crooked.address() as AddressInfo).port}`;
  const catalog: Record<string, string> = { 'regiontwo public': thereUrl, 'crooked public': `${crookedUrl}/image` };
  here = await startImage({
    regions: {
      findEndpoint: async (_, wanted) => catalog[`${wanted.region.toLowerCase()} ${wanted.interface}`],
      vault: { seal: (text) => `sealed ${Buffer.from(text).toString('hex')}`, open: unseal },
    },
  });
});
afterEach(async () => {
  await here.close();
  await there.close();
  crooked.closeAllConnections();
  await new Promise((resolve) => crooked.close(resolve));
});

function unseal(sealed: string): string {
  return Buffer.from(sealed.slice('sealed '.length), 'hex').toString();
}

async function importFrom(glance_image_id: string, glance_region: string, more = {}): Promise<string> {
  const id = await here.create({ os_distro: 'windows' });
  const method = { name: 'glance-download', glance_image_id, glance_region, ...more };
  expect((await here.ask(`POST /v2/images/${id}/import`, { body: { method } })).status).toBe(202);
  await here.settle();
  return id;
}

const show = async (id: string) => (await here.ask(`GET /v2/images/${id}`)).body;

async function expectFailure(id: string, message: string): Promise<void> {
  const [task] = (await here.ask(`GET /v2/images/${id}/tasks`)).body.tasks;
  expect([task.status, task.message]).toEqual(['failure', expect.stringContaining(message)]);
  expect(await show(id)).toMatchObject({ status: 'queued', size: null, os_distro: 'windows' });
  expect(await here.files()).toEqual([]);
}

describe('an image of another region', () => {
  it('is brought with its data, its formats and what describes its hardware', async () => {
    const source = await there.createActive(DATA, { container_format: 'ovf', os_distro: 'rhel', speed: '88mph' });
    const id = await importFrom(source, 'RegionTwo');
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: DATA.length,
      disk_format: 'raw',
      container_format: 'ovf',
      os_distro: 'rhel',
    });
    expect(await show(id)).not.toHaveProperty('speed');
    expect((await here.ask(`GET /v2/images/${id}/file`)).bytes.equals(DATA)).toBe(true);
  });

  it('is asked for in the name of the caller, whose token is nowhere in the clear', async () => {
    const source = await there.createActive(DATA, {}, 'stranger');
    await expectFailure(await importFrom(source, 'RegionTwo'), 'answered with status 404');
    const { rows } = await sql<{ input: string }>`select input from tasks`.execute(here.db);
    expect(rows.map(({ input }) => input).join()).toContain(`sealed ${Buffer.from('member').toString('hex')}`);
    expect(rows.map(({ input }) => input).join()).not.toContain('"token":"member"');
  });

  it.each([
    ['that is not there', NOWHERE, 'RegionTwo', {}, 'answered with status 404'],
    ['of an unknown region', NOWHERE, 'RegionThree', {}, 'public glance endpoint not found for region RegionThree'],
    [
      'at an interface that the region lacks',
      NOWHERE,
      'RegionTwo',
      { glance_service_interface: 'internal' },
      'internal glance endpoint not found for region RegionTwo',
    ],
  ])('%s fails the task and changes nothing', async (_, image, region, more, message) => {
    await expectFailure(await importFrom(image, region, more), message);
  });

  it('that is not active yet fails the task', async () => {
    await expectFailure(
      await importFrom(await there.create(), 'RegionTwo'),
      'Source image status should be active instead of queued',
    );
  });
});

describe('another region that lies', () => {
  const image = { id: NOWHERE, status: 'active', disk_format: 'raw', container_format: 'bare', size: 4 };
  const saying = (description: unknown, data: string) => (path: string) => ({
    status: 200,
    body: path.endsWith('/file') ? data : JSON.stringify(description),
  });

  it.each([
    ['of the size', saying(image, 'longer'), 'downloaded data size 6 is different from expected 4'],
    ['of the sum', saying({ ...image, os_hash_algo: 'sha512', os_hash_value: 'x' }, 'data'), "The data's checksum"],
    ['of the format', saying({ ...image, disk_format: '../x' }, 'data'), 'a format that is not known here'],
    ['with no size', saying({ ...image, size: '4' }, 'data'), 'could not be determined'],
    ['with no description', () => ({ status: 200, body: '[' }), 'gave no description'],
    ['with an endless one', () => ({ status: 200, body: ' '.repeat(2 ** 21) }), 'gave no description'],
    ['about its content', saying(image, 'QED\0'), 'QED images are not supported'],
  ])('%s brings nothing', async (_, answer, message) => {
    crookedAnswer = answer;
    await expectFailure(await importFrom(NOWHERE, 'crooked'), message);
  });

  it('and redirects gets nobody else the token', async () => {
    const location = `http://127.0.0.1:${(crooked.address() as AddressInfo).port}/elsewhere`;
    crookedAnswer = () => ({ status: 302, headers: { location } });
    await expectFailure(await importFrom(NOWHERE, 'crooked'), 'answered with status 302');
    expect(asked).toEqual([{ path: `/image/v2/images/${NOWHERE}`, token: 'member' }]);
  });
});
