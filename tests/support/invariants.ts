/**
 * What must hold of a cloud, read from its tables and its hosts: always, and once nothing is under way any more.
 * Each broken rule is one sentence that names the thing.
 */
import type { HostUnderTest } from './fake-host.ts';
import type { TableWatch } from './table-watch.ts';

/** States that a server may stay in. */
const FINAL = new Set([
  'active',
  'stopped',
  'paused',
  'suspended',
  'rescued',
  'resized',
  'error',
  'shelved',
  'shelved_offloaded',
  'soft-delete',
]);

interface ServerState {
  readonly id: string;
  readonly vm_state: string;
  readonly task_state: string | null;
  readonly host_id: string | null;
  readonly deadline_at: number | null;
  readonly deleted_at: number | null;
  readonly vcpus: number;
  readonly memory_mib: number;
  readonly ports: string;
  readonly has_guest: number;
  readonly has_task: number;
}

const SERVERS = `select s.id, s.vm_state, s.task_state, s.host_id, s.deadline_at, s.deleted_at, s.vcpus, s.memory_mib, s.ports,
  exists (select 1 from server_guests g where g.server_id = s.id) as has_guest,
  exists (select 1 from tasks t where t.resource_id = s.id and t.state = 'pending') as has_task from servers s`;

/** What a rule looks at on a host. */
export type HostState = Pick<HostUnderTest, 'id' | 'name' | 'guests' | 'networks'>;

/** One rule: a sentence that holds, and what breaks it. */
export interface Rule {
  readonly name: string;
  look(tables: TableWatch, hosts: readonly HostState[]): string[];
}

const serversOf = (tables: TableWatch): ServerState[] => tables.rows(SERVERS) as unknown as ServerState[];

/**
 * What must hold at every moment, between any two transactions: whatever is under way has somebody who ends it, and the books
 * of placement and network agree with themselves.
 */
export const ALWAYS: readonly Rule[] = [
  {
    name: 'a server is in a final state or has an owner and a deadline',
    look: (tables) => serversOf(tables).flatMap(stuckServer),
  },
  { name: 'a task has a deadline and a next try', look: tasksWithoutEnd },
  { name: 'what a provider has in use is what is allocated of it', look: inventoriesOutOfStep },
  { name: 'a row that belongs to another has it', look: rowsWithoutOwner },
];

/** What must hold once nothing is under way: nothing is stuck, nothing leaks, and every host is as desired. */
export const AT_REST: readonly Rule[] = [
  { name: 'no task is unfinished', look: unfinishedTasks },
  { name: 'a server is in a final state', look: (tables) => serversOf(tables).flatMap(unsettledServer) },
  {
    name: "placement's allocations are the servers'",
    look: (tables) => allocationsOutOfStep(tables, serversOf(tables)),
  },
  { name: 'ports of servers are those that servers have', look: (tables) => portsOutOfStep(tables, serversOf(tables)) },
  { name: 'desired guests are the placed servers', look: (tables) => guestsOutOfStep(tables, serversOf(tables)) },
  {
    name: 'each host has the guests, disks, interfaces and taps that it is to have',
    look: (tables, hosts) => hosts.flatMap((host) => hostOutOfStep(tables, host)),
  },
];

export function brokenAlways(tables: TableWatch): string[] {
  return ALWAYS.flatMap((rule) => rule.look(tables, []));
}

export function brokenAtRest(tables: TableWatch, hosts: readonly HostState[]): string[] {
  return [...ALWAYS, ...AT_REST].flatMap((rule) => rule.look(tables, hosts));
}

function unfinishedTasks(tables: TableWatch): string[] {
  return tables
    .rows("select kind, resource_id, step, direction, error from tasks where state = 'pending'")
    .map((task) => `unfinished task ${JSON.stringify(task)}`);
}

function stuckServer(server: ServerState): string[] {
  if (server.deleted_at !== null || (server.task_state === null && FINAL.has(server.vm_state))) return [];
  const what = `server ${server.id} (${server.vm_state}, ${server.task_state ?? 'nothing under way'})`;
  const hasOwner = server.has_task === 1 || server.has_guest === 1 || server.task_state === 'deleting';
  const hasEnd = server.has_task === 1 || server.deadline_at !== null;
  return [...(hasOwner ? [] : [`${what} has nobody who works on it`]), ...(hasEnd ? [] : [`${what} has no deadline`])];
}

function tasksWithoutEnd(tables: TableWatch): string[] {
  return tables
    .rows("select id, kind from tasks where state = 'pending' and (deadline_at is null or next_try_at is null)")
    .map(({ id, kind }) => `task ${String(id)} (${String(kind)}) has no deadline or no next try`);
}

/** `used` is the sum of the allocations, and never more than there is. */
function inventoriesOutOfStep(tables: TableWatch): string[] {
  const rows = tables.rows(`select i.provider_id, i.resource_class, i.used, i.total, i.reserved, i.allocation_ratio,
    coalesce((select sum(a.used) from placement_allocations a
      where a.provider_id = i.provider_id and a.resource_class = i.resource_class), 0) as allocated
    from placement_inventories i`);
  return rows.flatMap((row) => {
    const name = `${String(row['resource_class'])} of provider ${String(row['provider_id'])}`;
    const room = (Number(row['total']) - Number(row['reserved'])) * Number(row['allocation_ratio']);
    return [
      ...(row['used'] === row['allocated']
        ? []
        : [`${name}: ${String(row['used'])} used, ${String(row['allocated'])} allocated`]),
      ...(Number(row['used']) <= room ? [] : [`${name}: ${String(row['used'])} used of ${room}`]),
    ];
  });
}

/** Rows that belong to a row that is not there. */
const BELONGS: readonly (readonly [what: string, sql: string])[] = [
  ['address of no port', 'select address as id from port_addresses where port_id not in (select id from ports)'],
  [
    'security group membership of no port',
    'select port_id as id from port_security_groups where port_id not in (select id from ports)',
  ],
  ['port of no network', 'select id from ports where network_id not in (select id from networks)'],
  [
    'allocation of no consumer',
    'select consumer_id as id from placement_allocations where consumer_id not in (select id from placement_consumers)',
  ],
  [
    'floating IP of no port',
    'select id from floating_ips where fixed_port_id is not null and fixed_port_id not in (select id from ports)',
  ],
  ['guest of no server', 'select server_id as id from server_guests where server_id not in (select id from servers)'],
];

function rowsWithoutOwner(tables: TableWatch): string[] {
  return BELONGS.flatMap(([what, sql]) => tables.rows(sql).map(({ id }) => `${what}: ${String(id)}`));
}

function unsettledServer({ id, vm_state, task_state, deadline_at, deleted_at }: ServerState): string[] {
  const isGone = deleted_at !== null && vm_state === 'deleted';
  const isSettled =
    task_state === null && deadline_at === null && (isGone || (deleted_at === null && FINAL.has(vm_state)));
  return isSettled
    ? []
    : [`server ${id} is ${vm_state}, ${task_state ?? 'nothing under way'}, deadline ${deadline_at ?? 'none'}`];
}

/** Servers that have a place on a host. */
function placed(servers: readonly ServerState[]): ServerState[] {
  return servers.filter(({ deleted_at, host_id }) => deleted_at === null && host_id !== null);
}

function allocationsOutOfStep(tables: TableWatch, servers: readonly ServerState[]): string[] {
  const wanted = placed(servers).flatMap(({ id, host_id, vcpus, memory_mib }) => [
    `${id} has ${vcpus} VCPU of ${host_id}`,
    `${id} has ${memory_mib} MEMORY_MB of ${host_id}`,
  ]);
  const found = tables
    .rows("select * from placement_allocations where resource_class in ('VCPU', 'MEMORY_MB')")
    .map(
      (row) =>
        `${String(row['consumer_id'])} has ${String(row['used'])} ${String(row['resource_class'])} of ${String(row['provider_id'])}`,
    );
  return differences('allocation', wanted, found);
}

function portsOutOfStep(tables: TableWatch, servers: readonly ServerState[]): string[] {
  const states = new Map(placed(servers).map(({ id, vm_state }) => [id, vm_state]));
  // a guest that stands still lets go of a device when it goes on
  const isStill = (id: string): boolean => ['paused', 'suspended'].includes(states.get(id) ?? '');
  const guests = tables.rows('select server_id, ports, detaching from server_guests where is_gone = 0');
  const wanted = guests
    .filter(({ server_id }) => states.has(String(server_id)))
    .flatMap(({ server_id, ports, detaching }) =>
      [ports, ...(isStill(String(server_id)) ? [detaching] : [])]
        .flatMap((list) => JSON.parse(String(list)) as { portId: string }[])
        .map(({ portId }) => `${portId} of server ${String(server_id)}`),
    );
  const found = tables
    .rows("select id, device_id from ports where device_owner like 'compute:%' and device_id <> ''")
    .map((port) => `${String(port['id'])} of server ${String(port['device_id'])}`);
  return differences('port', wanted, found);
}

function guestsOutOfStep(tables: TableWatch, servers: readonly ServerState[]): string[] {
  const wanted = placed(servers).map(({ id, host_id }) => `${id} on ${host_id}`);
  const found = tables.rows('select server_id, host_id, is_gone from server_guests').map((guest) => {
    const left = guest['is_gone'] === 1 ? ', to be given up' : '';
    return `${String(guest['server_id'])} on ${String(guest['host_id'])}${left}`;
  });
  return differences('desired guest', wanted, found);
}

/** The host itself: guests, disks and taps as desired, and nothing else. */
function hostOutOfStep(tables: TableWatch, host: HostState): string[] {
  const desired = tables.rows(
    `select server_id, power, ports from server_guests where host_id = '${host.id}' and is_gone = 0`,
  );
  const ids = desired.map((guest) => String(guest['server_id']));
  const powers = desired.map((guest) => `${String(guest['server_id'])} ${String(guest['power'])}`);
  // a guest that stands still can neither take nor let go of a device
  const still = new Set(
    [...host.guests.guests].flatMap(([id, { power }]) => (power === 'paused' || power === 'suspended' ? [id] : [])),
  );
  const plugged = [...host.guests.guests].flatMap(([id, { interfaces }]) =>
    still.has(id) ? [] : interfaces.map(({ portId }) => `${portId} in ${id}`),
  );
  const ports = desired.flatMap((guest) =>
    still.has(String(guest['server_id']))
      ? []
      : (JSON.parse(String(guest['ports'])) as { portId: string }[]).map(
          ({ portId }) => `${portId} in ${String(guest['server_id'])}`,
        ),
  );
  const bound = tables
    .rows(`select id from ports where host = '${host.name}' and device_owner like 'compute:%'`)
    .map(({ id }) => `port:${String(id)}`);
  const taps = [...host.networks.present.keys()].filter((key) => key.startsWith('port:'));
  return [
    ...differences(
      `guest on ${host.name}`,
      powers,
      [...host.guests.guests].map(([id, { power }]) => `${id} ${power}`),
    ),
    ...differences(`disks on ${host.name}`, ids, [...host.guests.disks]),
    ...differences(`interface on ${host.name}`, ports, plugged),
    ...differences(`tap on ${host.name}`, bound, taps),
  ];
}

function differences(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const [have, want] = [new Set(found), new Set(wanted)];
  return [
    ...wanted.filter((one) => !have.has(one)).map((one) => `missing ${what}: ${one}`),
    ...found.filter((one) => !want.has(one)).map((one) => `leaked ${what}: ${one}`),
  ];
}

/** What counts as left over once everything has been deleted. */
export function leftOver(tables: TableWatch): string[] {
  const counts: readonly (readonly [what: string, count: number])[] = [
    ['servers', tables.count('servers', 'deleted_at is null')],
    ['guests', tables.count('server_guests')],
    ['allocations', tables.count('placement_allocations')],
    ['consumers', tables.count('placement_consumers')],
    ['ports of servers', tables.count('ports', "device_owner like 'compute:%'")],
    ['units in use', tables.count('placement_inventories', 'used <> 0')],
  ];
  return counts.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
}
