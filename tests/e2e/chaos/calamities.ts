/** What befalls a host, each with what must hold meanwhile and for how long the cloud may take to be itself again. */
import { randomBytes } from 'node:crypto';
import { ApiError } from '../../../src/cli/api/client.ts';
import type { Random } from '../../../src/kernel/random.ts';
import { type Cloud, sleep } from './cloud.ts';

export interface Calamity {
  readonly name: string;
  /** `answers`: the keeper answers ping all the time. `suffers`: it may not, but does afterwards. */
  readonly keeper: 'answers' | 'suffers';
  /** Another guest is being built when it strikes, and deleted after it. */
  readonly isBusy?: true;
  /** Short enough for every run of the tests. */
  readonly isShort?: true;
  /** How long until all is as before, in milliseconds. */
  readonly settleMs: number;
  strike(cloud: Cloud, random: Random): Promise<void>;
}

/** Found by the agent's next look at the latest, which comes every 30 s; then it is mended. */
const DRIFT_MS = 90_000;
/** The control plane starts again, and takes up what it left. */
const RESTART_MS = 90_000;
/** The guest has to boot, which takes an emulated one some time. */
const BOOT_MS = 240_000;
const HANG_MS = 20_000;
/** Longer than a call to libvirt may take. */
const LONG_HANG_MS = 45_000;
const HOUR_S = 3_600;

async function hang(cloud: Cloud, role: 'controller' | 'up' | 'libvirtd', ms: number): Promise<void> {
  const hung = cloud.processes(role).map(({ pid }) => pid);
  if (hung.length === 0) throw new Error(`there is no ${role} to stop`);
  for (const pid of hung) process.kill(pid, 'SIGSTOP');
  await sleep(ms);
  for (const pid of hung) process.kill(pid, 'SIGCONT');
}

async function deleteLink(cloud: Cloud, prefix: string): Promise<void> {
  const links = await cloud.machine.check(['ip', '-o', 'link', 'show']);
  const names = [...links.matchAll(/^\d+: ([^:@]+)/gm)]
    .map((found) => found[1] ?? '')
    .filter((name) => name.startsWith(prefix));
  if (names.length === 0) throw new Error(`there is no ${prefix} to remove`);
  for (const name of names) await cloud.machine.check(['ip', 'link', 'del', 'dev', name]);
}

async function tapsOf({ machine }: Cloud): Promise<string> {
  const links = await machine.check(['ip', '-o', 'link', 'show']);
  return [...links.matchAll(/^\d+: (tap[^:@]+).* master (\S+)/gm)]
    .map(([, tap, bridge]) => `${tap} in ${bridge}`)
    .toSorted()
    .join(', ');
}

async function tables(cloud: Cloud): Promise<string[][]> {
  const listed = (await cloud.machine.check(['nft', 'list', 'tables']))
    .split('\n')
    .filter((line) => line.includes('pileus'));
  if (listed.length === 0) throw new Error('there is no table of ours');
  return listed.map((line) => line.split(' ').slice(1));
}

/** Tries to do this; a refusal is in order, silence is not. */
async function mayBeRefused(what: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof ApiError)) throw new Error(`${what}: no answer: ${String(error)}`, { cause: error });
    if (error.status === 500) throw new Error(`${what}: ${error.message}`, { cause: error });
  }
}

async function fillTheDisk(cloud: Cloud): Promise<void> {
  const { machine } = cloud;
  await machine.fillDisk();
  const made: { service: string; path: string }[] = [];
  try {
    const body = { name: 'too large', disk_format: 'raw', container_format: 'bare' };
    await mayBeRefused('an image', () =>
      cloud.patiently(async (api) => {
        const { id } = await api.post<{ id: string }>('image', '/v2/images', body);
        made.push({ service: 'image', path: `/v2/images/${id}` });
        await api.upload('image', `/v2/images/${id}/file`, randomBytes(20 << 20));
      }, 5_000),
    );
    await mayBeRefused('a server', async () => {
      made.push({ service: 'compute', path: `/servers/${await cloud.build('no room')}` });
    });
    await sleep(15_000);
  } finally {
    machine.freeDisk();
  }
  await cloud.untilPing(BOOT_MS);
  for (const { service, path } of made) await cloud.patiently((api) => api.delete(service, path)).catch(ignoreGone);
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}

export const CALAMITIES: readonly Calamity[] = [
  {
    name: 'the controller is killed',
    keeper: 'answers',
    isBusy: true,
    isShort: true,
    settleMs: RESTART_MS,
    async strike(cloud) {
      cloud.signal('controller', 'SIGKILL');
    },
  },
  {
    name: 'the agent is killed, and with it all that is not a guest',
    keeper: 'answers',
    isBusy: true,
    settleMs: RESTART_MS,
    async strike(cloud) {
      cloud.signal('up', 'SIGKILL');
      await sleep(300);
      await cloud.up();
    },
  },
  {
    name: 'the helper that runs commands is killed',
    keeper: 'answers',
    isBusy: true,
    isShort: true,
    settleMs: DRIFT_MS,
    async strike(cloud) {
      if (cloud.processes('helper').length > 0) cloud.signal('helper', 'SIGKILL');
    },
  },
  {
    name: 'the controller hangs',
    keeper: 'answers',
    isBusy: true,
    settleMs: RESTART_MS,
    strike: (cloud) => hang(cloud, 'controller', HANG_MS),
  },
  {
    name: 'the agent hangs',
    keeper: 'answers',
    isBusy: true,
    settleMs: RESTART_MS,
    strike: (cloud) => hang(cloud, 'up', HANG_MS),
  },
  {
    name: 'libvirtd is killed',
    keeper: 'answers',
    isBusy: true,
    settleMs: DRIFT_MS,
    async strike(cloud) {
      cloud.signal('libvirtd', 'SIGKILL');
    },
  },
  {
    name: 'libvirtd hangs',
    keeper: 'answers',
    isBusy: true,
    settleMs: DRIFT_MS,
    strike: (cloud, random) => hang(cloud, 'libvirtd', random.below(2) === 0 ? HANG_MS : LONG_HANG_MS),
  },
  {
    name: 'virtlogd is killed, and then a guest is wanted',
    keeper: 'answers',
    settleMs: DRIFT_MS,
    async strike(cloud) {
      cloud.signal('virtlogd', 'SIGKILL');
      const id = await cloud.build('after virtlogd');
      await cloud.until(id, 'a guest without virtlogd', (server) => server?.status === 'ACTIVE', DRIFT_MS);
      await cloud.patiently((api) => api.delete('compute', `/servers/${id}`));
    },
  },
  {
    name: "a guest's QEMU is killed",
    keeper: 'suffers',
    isShort: true,
    settleMs: BOOT_MS,
    async strike(cloud) {
      const { id } = cloud.keeper;
      cloud.signal('qemu', 'SIGKILL');
      await cloud.until(id, 'SHUTOFF, as nova says', (server) => server?.status === 'SHUTOFF', DRIFT_MS);
      await cloud.patiently((api) => api.post('compute', `/servers/${id}/action`, { 'os-start': null }));
      await cloud.until(id, 'ACTIVE again', (server) => server?.status === 'ACTIVE', DRIFT_MS);
    },
  },
  {
    name: 'dnsmasq is killed',
    keeper: 'answers',
    settleMs: DRIFT_MS,
    async strike(cloud) {
      cloud.signal('dnsmasq', 'SIGKILL');
    },
  },
  {
    name: "the cloud's filters are deleted",
    keeper: 'suffers',
    settleMs: DRIFT_MS,
    async strike(cloud) {
      for (const table of await tables(cloud)) await cloud.machine.check(['nft', 'delete', 'table', ...table]);
    },
  },
  {
    name: "the cloud's filters are emptied",
    keeper: 'suffers',
    settleMs: DRIFT_MS,
    async strike(cloud) {
      for (const table of await tables(cloud)) await cloud.machine.check(['nft', 'flush', 'table', ...table]);
    },
  },
  {
    name: "the networks' bridges are removed",
    keeper: 'suffers',
    settleMs: DRIFT_MS,
    strike: (cloud) => deleteLink(cloud, 'brq'),
  },
  {
    // QEMU holds the device that is gone: as with nova, the guest has its new one after a hard reboot.
    name: "a guest's tap is removed, and the guest rebooted",
    keeper: 'suffers',
    settleMs: BOOT_MS,
    async strike(cloud) {
      const { id } = cloud.keeper;
      const before = await tapsOf(cloud);
      await deleteLink(cloud, 'tap');
      const end = performance.now() + DRIFT_MS;
      while ((await tapsOf(cloud)) !== before) {
        if (performance.now() > end) throw new Error(`of ${before} there is ${await tapsOf(cloud)}`);
        await sleep(1_000);
      }
      await cloud.patiently((api) => api.post('compute', `/servers/${id}/action`, { reboot: { type: 'HARD' } }));
    },
  },
  {
    name: 'the network namespaces lose their names',
    keeper: 'suffers',
    settleMs: DRIFT_MS,
    async strike({ machine }) {
      const names = (await machine.check(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
      for (const name of names.filter((each) => /^q(dhcp|router)-/.test(each)))
        await machine.check(['ip', 'netns', 'del', name]);
    },
  },
  {
    name: 'the disk is full for a while',
    keeper: 'suffers',
    settleMs: BOOT_MS,
    strike: fillTheDisk,
  },
  {
    name: 'the clock is an hour ahead for a while',
    keeper: 'answers',
    isBusy: true,
    settleMs: RESTART_MS,
    strike: (cloud) => moveClock(cloud, HOUR_S),
  },
  {
    name: 'the clock is an hour behind for a while, and the controller is killed',
    keeper: 'answers',
    isBusy: true,
    settleMs: RESTART_MS,
    async strike(cloud) {
      await moveClock(cloud, -HOUR_S);
      cloud.signal('controller', 'SIGKILL');
    },
  },
  {
    name: 'the host loses its power',
    keeper: 'suffers',
    isBusy: true,
    settleMs: BOOT_MS,
    async strike({ machine, up }) {
      await machine.cutPower();
      await machine.boot();
      await up();
    },
  },
];

async function moveClock({ machine }: Cloud, seconds: number): Promise<void> {
  machine.setClock(seconds);
  await sleep(15_000);
  machine.setClock(0);
}
