/** What is on the hosts against what the controllers want there, and what they say of it. */

import { readFileSync } from 'node:fs';
import type { DesiredGuests } from '#protocol/guests.ts';
import type { DesiredNetworks } from '#protocol/networks.ts';
import type { SimHost } from '../host.ts';
import { runIn } from '../machine/processes.ts';
import type { World } from '../world.ts';
import { type Check, differences } from './check.ts';

function keptBy<T>(host: SimHost, file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(`${host.folder}/${file}`, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** What a controller would tell a host that knows nothing. */
function wantedOf<T>(world: World, ask: 'waitForGuests' | 'waitForNetworks', hostId: string): Promise<T | null> {
  const [controller] = world.controllers;
  if (controller === undefined) throw new Error('no controller lives');
  const signal = new AbortController().signal;
  const asked: Promise<unknown> = runIn(controller.process, () => controller.api[ask](hostId, -1, signal));
  return world.during(asked) as Promise<T | null>;
}

const sorted = (list: readonly { readonly id: string }[]): string =>
  JSON.stringify(list.toSorted((a, b) => (a.id < b.id ? -1 : 1)));

/** Calls to drivers a second that some busy agents may make, over a while; a spinning one makes a hundred. */
const MAX_CALLS = 60;
const WHILE_MS = 10_000;
const looks = new WeakMap<World, { readonly atMs: number; readonly calls: number }>();

export const hostChecks: readonly Check[] = [
  {
    name: 'no agent spins',
    when: 'always',
    look({ world }) {
      const now = { atMs: world.machine.clock.nowMs(), calls: world.counts['driver calls'] ?? 0 };
      const before = looks.get(world) ?? now;
      const ms = now.atMs - before.atMs;
      if (ms === 0 || ms > WHILE_MS) looks.set(world, now);
      const rate = ((now.calls - before.calls) / ms) * 1_000;
      return ms > WHILE_MS && rate > MAX_CALLS ? [`${Math.round(rate)} calls to drivers a second`] : [];
    },
  },
  {
    name: 'a guest is on one host only',
    when: 'at rest',
    look({ world }) {
      const all = world.hosts.flatMap((host) => [...host.guests.guests.keys()].map((id) => ({ id, host: host.name })));
      return [...Map.groupBy(all, ({ id }) => id)]
        .filter(([, places]) => places.length > 1)
        .map(([id, places]) => `guest ${id} is on ${places.map(({ host }) => host).join(' and ')}`);
    },
  },
  {
    name: 'each host has heard the newest guests that it is to have',
    when: 'at rest',
    async look({ world }) {
      const broken: string[] = [];
      for (const host of world.hosts) {
        const wanted = await wantedOf<DesiredGuests>(world, 'waitForGuests', host.id);
        const kept = keptBy<DesiredGuests>(host, 'desired-guests.json');
        if (sorted(wanted?.guests ?? []) !== sorted(kept?.guests ?? []))
          broken.push(
            `${host.name} has not heard of its guests at revision ${wanted?.revision}, but ${kept?.revision}`,
          );
      }
      return broken;
    },
  },
  {
    name: 'each host has heard the newest networks that it is to have',
    when: 'at rest',
    async look({ world }) {
      const broken: string[] = [];
      for (const host of world.hosts) {
        const wanted = await wantedOf<DesiredNetworks>(world, 'waitForNetworks', host.id);
        const kept = keptBy<DesiredNetworks>(host, 'desired-networks.json');
        for (const part of ['networks', 'ports', 'routers', 'securityGroups'] as const) {
          const [want, have] = [wanted?.[part] ?? [], kept?.[part] ?? []].map(sorted);
          if (want !== have)
            broken.push(
              `${host.name} has not heard of its ${part} at revision ${wanted?.revision}, but ${kept?.revision}: ${want} instead of ${have}`,
            );
        }
      }
      return broken;
    },
  },
  {
    name: 'each host has the networks that it was told to have',
    when: 'at rest',
    look({ world }) {
      return world.hosts.flatMap((host) => {
        const kept = keptBy<DesiredNetworks>(host, 'desired-networks.json');
        if (kept === undefined) return [];
        const design = host.networks.design(kept);
        const spell = (all: Iterable<readonly [string, { readonly fingerprint: string }]>): string[] =>
          [...all].map(([key, { fingerprint }]) => `${key} ${fingerprint} on ${host.name}`);
        return differences('network part', spell(design.resources), spell(host.networks.present));
      });
    },
  },
  {
    name: 'a server shows the power that its guest has',
    when: 'at rest',
    look({ world }) {
      const POWERS: Readonly<Record<string, readonly string[]>> = {
        active: ['running'],
        stopped: ['stopped', 'crashed'],
        paused: ['paused'],
        suspended: ['suspended'],
        rescued: ['running'],
        resized: ['running', 'stopped'],
      };
      const servers = world.tables.rows('select id, vm_state, host_id from servers where deleted_at is null');
      return servers.flatMap(({ id, vm_state, host_id }) => {
        const power = world.hosts.find((host) => host.id === host_id)?.guests.guests.get(String(id))?.power;
        const allowed = POWERS[String(vm_state)];
        if (allowed === undefined || (power !== undefined && allowed.includes(power))) return [];
        return [`server ${String(id)} is ${String(vm_state)}, its guest ${power ?? 'nowhere'}`];
      });
    },
  },
  {
    name: 'a port of a server is shown ACTIVE where its tap is up, and DOWN elsewhere',
    when: 'at rest',
    look({ world }) {
      const ports = world.tables.rows(
        "select id, host, status, admin_state_up from ports where device_owner like 'compute:%'",
      );
      return ports.flatMap(({ id, host, status, admin_state_up }) => {
        const isThere = world.hosts.find(({ name }) => name === host)?.networks.present.has(`port:${String(id)}`);
        const wanted = isThere === true && admin_state_up === 1 ? 'ACTIVE' : 'DOWN';
        return status === wanted
          ? []
          : [`port ${String(id)} on ${String(host)} shows ${String(status)}, not ${wanted}`];
      });
    },
  },
  {
    name: 'a floating IP is shown ACTIVE where its router does it, and DOWN elsewhere',
    when: 'at rest',
    look({ world }) {
      const all = world.tables.rows(
        'select f.id, f.status, f.fixed_port_id, f.router_id, r.host_id from floating_ips f left join routers r on r.id = f.router_id',
      );
      return all.flatMap(({ id, status, fixed_port_id, router_id, host_id }) => {
        const host = world.hosts.find((one) => one.id === host_id);
        const router = host?.networks.present.get(`router:${String(router_id)}`);
        const isDone = fixed_port_id !== null && router?.fingerprint.includes(String(id)) === true;
        const wanted = isDone ? 'ACTIVE' : 'DOWN';
        return status === wanted ? [] : [`floating IP ${String(id)} shows ${String(status)}, not ${wanted}`];
      });
    },
  },
  {
    name: "an agent's folder holds its two files and no others",
    when: 'after quiet',
    look: ({ world }) =>
      world.hosts.flatMap((host) =>
        world.machine.disk
          .files(host.folder)
          .filter((path) => !/\/desired-(guests|networks)\.json$/.test(path))
          .map((path) => `left on the disk of ${host.name}: ${path}`),
      ),
  },
];
