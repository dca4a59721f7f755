/** Compute with tasks that run and hosts that do what they are told. */
import { letOthersRun } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { silentLog } from '#kernel/log.ts';
import { createTaskEngine } from '#kernel/tasks/engine.ts';
import type { ObservedGuest } from '#protocol/guests.ts';
import type { Heartbeat } from '#protocol/hosts.ts';
import type { ComputePeers } from '#services/compute/index.ts';
import { type Answer, type Ask, type ComputeUnderTest, startCompute } from './compute.ts';
import { type FakeNetworks, fakeNetworks, IMAGE, NETWORK } from './compute-peers.ts';

export const HOST = '55555555-5555-4555-8555-555555555555';
export const OTHER_HOST = '66666666-6666-4666-8666-666666666666';

export interface ServersUnderTest extends ComputeUnderTest {
  readonly networks: FakeNetworks;
  /** Registers a host, or lets it be heard again. */
  beat(id?: string, name?: string, size?: { vcpus?: number; memoryMib?: number; diskGib?: number }): Promise<void>;
  /** Waits until no task is under way. */
  settle(): Promise<void>;
  /** Another controller takes the tasks over, once the leases of the first have run out. */
  restartTasks(): Promise<void>;
  /** One pass of a host: makes its guests as desired and reports them; `change` bends what it says. */
  pass(id?: string, change?: (guest: ObservedGuest) => ObservedGuest | undefined): Promise<void>;
  /** Creates a server and waits for its task. */
  create(more?: Record<string, unknown>, ask?: Ask): Promise<Answer>;
  show(id: string, as?: Ask['as']): Promise<any>; // oxlint-disable-line typescript/no-explicit-any
}

export async function startServers(
  peers: Partial<ComputePeers> = {},
  change?: (db: Db) => Db,
): Promise<ServersUnderTest> {
  const networks = (peers.network as FakeNetworks | undefined) ?? fakeNetworks();
  const compute = await startCompute({ ...peers, network: networks }, change);
  let stop = new AbortController();
  let engine = compute.tasks;
  let running = engine.run(compute.service.taskKinds ?? [], stop.signal);
  await letOthersRun();
  await compute.ask('POST /v2.1/flavors', {
    as: 'admin',
    body: { flavor: { name: 'tiny', id: '1', ram: 512, vcpus: 1, disk: 1 } },
  });
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 5; ) {
      await letOthersRun();
      quiet = engine.running === 0 ? quiet + 1 : 0;
    }
  };
  return {
    ...compute,
    networks,
    settle,
    async restartTasks() {
      stop.abort();
      await running;
      stop = new AbortController();
      engine = createTaskEngine({
        db: compute.db as Db,
        clock: compute.clock,
        log: silentLog,
        owner: { id: 'another', incarnation: 1 },
      });
      running = engine.run(compute.service.taskKinds ?? [], stop.signal);
      for (let i = 0; i < 40; i++) {
        await compute.clock.advance(1_000);
        await settle();
      }
    },
    async beat(id = HOST, name = 'host-1', size = {}) {
      await compute.service.heartbeat(id, heartbeat(id, name, size));
    },
    async pass(id = HOST, change = (guest) => guest) {
      const desired = await compute.service.desiredGuests(id);
      const guests = desired.guests
        .map(
          (guest): ObservedGuest => ({
            id: guest.id,
            power: guest.power,
            powerSerial: guest.powerSerial,
            rebootSerial: guest.rebootSerial,
            portIds: guest.interfaces.map(({ portId }) => portId),
          }),
        )
        .flatMap((guest) => change(guest) ?? []);
      await compute.service.reportGuests(id, { revision: desired.revision, guests, strangers: [] });
      await settle();
    },
    async create(more = {}, how = {}) {
      const answer = await compute.ask('POST /v2.1/servers', {
        as: 'member',
        body: { server: { name: 'web', imageRef: IMAGE, flavorRef: '1', networks: [{ uuid: NETWORK }], ...more } },
        ...how,
      });
      await settle();
      return answer;
    },
    async show(id, as = 'admin') {
      return (await compute.ask(`GET /v2.1/servers/${id}`, { as })).body.server;
    },
    async close() {
      stop.abort();
      await running;
      await compute.close();
    },
  };
}

function heartbeat(
  id: string,
  hostname: string,
  size: { vcpus?: number; memoryMib?: number; diskGib?: number },
): Heartbeat {
  return {
    notices: [],
    facts: {
      id,
      hostname,
      address: '192.0.2.1',
      agentVersion: '1',
      hypervisor: {
        type: 'fake',
        version: 1,
        virtType: 'fake',
        cpu: { arch: 'x86_64', model: 'm', vendor: 'v', cores: 4, sockets: 1, threads: 1, features: [] },
        vcpus: size.vcpus ?? 16,
        memoryMib: size.memoryMib ?? 65_536,
        diskGib: size.diskGib ?? 1_000,
        reservedMemoryMib: 512,
        usedMemoryMib: 512,
        freeDiskGib: 900,
        uptimeSeconds: 1,
        traits: ['COMPUTE_NET_VIF_MODEL_VIRTIO'],
      },
      network: { driver: 'fake', types: ['vxlan'], physicalNetworks: {}, tunnelAddress: null },
    },
  };
}
