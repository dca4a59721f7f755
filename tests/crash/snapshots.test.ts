/** The controller dies at every write of an image's, a shelving's and an unshelving's making: another one goes on, and all is whole. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type FakeImages, fakeImages } from '../api/compute-peers.ts';
import { HOST, type ServersUnderTest } from '../api/servers.ts';
import { type Death, revive, startMortal } from './support/mortal.ts';

/** More writes than any of them has. */
const WRITES = 80;

interface Story {
  readonly cloud: ServersUnderTest;
  readonly death: Death;
  readonly images: FakeImages;
  readonly id: string;
}

async function begin(): Promise<Story> {
  const images = fakeImages();
  const { cloud, death } = await startMortal({ image: images });
  const { body } = await cloud.create();
  await cloud.pass();
  return { cloud, death, images, id: body.server.id };
}

/** What the host does: uploads what is wanted of it, and makes its guests as desired. */
async function work({ cloud }: Story): Promise<void> {
  const [guest] = (await cloud.service.desiredGuests(HOST)).guests;
  for (const { imageId } of guest?.snapshots ?? [])
    await cloud.service.takeSnapshot(HOST, imageId, Readable.from([Buffer.from('disk')]));
  await cloud.settle();
  await cloud.pass();
}

/** One action, with the controller's death in it; then the host and another controller go on until nothing changes. */
async function actAndDie(story: Story, action: object, writes: number): Promise<number> {
  const { cloud, death, id } = story;
  death.writesLeft = writes;
  const { status } = await cloud.ask(`POST /v2.1/servers/${id}/action`, { as: 'member', body: action });
  await cloud.settle();
  await work(story).catch(() => undefined);
  death.isDead = true;
  await revive(cloud, death);
  for (let i = 0; i < 3; i++) {
    await work(story);
    await cloud.clock.advance(1_100);
    await cloud.settle();
  }
  return status;
}

async function seen({ cloud, images, id }: Story): Promise<unknown> {
  const server = await cloud.show(id);
  return {
    states: [server.status, server['OS-EXT-STS:task_state']],
    images: [...images.made.values()].map(({ status }) => status),
    snapshots: (await cloud.db.selectFrom('server_snapshots').select('state').execute()).map(({ state }) => state),
    vcpus: (await cloud.placement.usageOf(cloud.db as never, HOST))['VCPU'],
    ports: [...cloud.networks.ports.values()].map(({ hostId }) => hostId),
    tasks: await cloud.db.selectFrom('tasks').select('kind').where('state', '=', 'pending').execute(),
  };
}

const UP = { states: ['ACTIVE', null], images: [], snapshots: [], vcpus: 1, ports: [HOST], tasks: [] };
const SHELVED = {
  states: ['SHELVED_OFFLOADED', null],
  images: ['active'],
  snapshots: ['stored'],
  vcpus: 0,
  ports: [''],
  tasks: [],
};

describe('a controller that dies', () => {
  it('at any write of an image of a server leaves a whole image, or none', async () => {
    for (let writes = 0; writes < WRITES; writes++) {
      const story = await begin();
      const status = await actAndDie(story, { createImage: { name: 'x' } }, writes);
      expect([writes, status, await seen(story)]).toEqual([
        writes,
        expect.any(Number),
        { ...UP, images: status === 202 ? ['active'] : [] },
      ]);
      await story.cloud.close();
    }
  });

  it('at any write of a shelving and of an unshelving leaves a server that is shelved, or up', async () => {
    for (let writes = 0; writes < WRITES; writes++) {
      const story = await begin();
      const shelved = await actAndDie(story, { shelve: null }, writes);
      expect([writes, await seen(story)]).toEqual([writes, shelved === 202 ? SHELVED : UP]);
      if (shelved === 202) {
        const unshelved = await actAndDie(story, { unshelve: null }, writes);
        expect([writes, await seen(story)]).toEqual([writes, unshelved === 202 ? UP : SHELVED]);
      }
      await story.cloud.close();
    }
  });
});
