/** Books that must agree: quotas with what is there, images with their files, addresses with their ports. */
import { DISKS } from '../machine/disk.ts';
import type { World } from '../world.ts';
import { type Check, differences } from './check.ts';

async function askAdmin(world: World, service: string, line: string): Promise<Record<string, never>> {
  const answer = await world.during(world.ask(world.users[0] ?? null, service, line));
  if (answer?.status !== 200) throw new Error(`${line}: ${answer?.status} ${answer?.text}`);
  return answer.body as Record<string, never>;
}

/** What a network quota counts, and how. */
const NETWORK_COUNTS: Readonly<Record<string, string>> = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floating_ips',
  security_group: 'security_groups',
  security_group_rule: 'security_group_rules',
};

export const bookChecks: readonly Check[] = [
  {
    name: 'quotas count what is there',
    when: 'at rest',
    async look({ world }) {
      const broken: string[] = [];
      for (const project of new Set(world.users.slice(1).map(({ projectId }) => projectId))) {
        const { quota } = await askAdmin(world, 'network', `GET /v2.0/quotas/${project}/details`);
        for (const [name, table] of Object.entries(NETWORK_COUNTS)) {
          const used = (quota as unknown as Record<string, { used: number }>)[name]?.used;
          const there = world.tables.count(table, `project_id = '${project}'`);
          if (used !== there) broken.push(`project ${project} uses ${used} of its ${name} quota, and has ${there}`);
        }
        const { quota_set: compute } = await askAdmin(world, 'compute', `GET /v2.1/os-quota-sets/${project}/detail`);
        const [row] = world.tables.rows(
          `select count(*) as instances, coalesce(sum(vcpus), 0) as cores, coalesce(sum(memory_mib), 0) as ram
           from servers where project_id = '${project}' and deleted_at is null`,
        );
        for (const name of ['instances', 'cores', 'ram']) {
          const used = (compute as unknown as Record<string, { in_use: number }>)[name]?.in_use;
          if (used !== row?.[name])
            broken.push(`project ${project} uses ${used} of its ${name} quota, and has ${String(row?.[name])}`);
        }
      }
      return broken;
    },
  },
  {
    name: 'an image that is active has its data',
    when: 'at rest',
    look({ world }) {
      const wanted = world.tables
        .rows(
          "select l.data_id as id from image_locations l join images i on i.id = l.image_id where i.status = 'active'",
        )
        .map(({ id }) => String(id));
      const found = new Set(filesOf(world, 'data'));
      return wanted.filter((id) => !found.has(id)).map((id) => `no file for image data ${id}`);
    },
  },
  {
    name: 'image data belongs to an image',
    when: 'after quiet',
    look({ world }) {
      const known = world.tables.rows('select data_id as id from image_locations').map(({ id }) => String(id));
      return [
        ...differences('image file', known, filesOf(world, 'data')),
        ...differences('file coming in', [], filesOf(world, 'incoming')),
      ];
    },
  },
  {
    name: 'an address is given once, and within its subnet to a port of its network',
    when: 'always',
    look: ({ world }) =>
      world.tables
        .rows(
          `select a.address as id from port_addresses a join ports p on p.id = a.port_id join subnets s on s.id = a.subnet_id
           where p.network_id <> s.network_id`,
        )
        .map(({ id }) => `address ${String(id)} is of a subnet of another network than its port`),
  },
  {
    name: 'a router has its gateway and interfaces on ports of its own',
    when: 'always',
    look: ({ world }) =>
      world.tables
        .rows(
          `select p.id from ports p where p.device_owner in ('network:router_interface', 'network:router_gateway')
             and p.device_id not in (select id from routers)
           union select p.id from ports p where p.device_owner = 'network:floatingip'
             and p.id not in (select floating_port_id from floating_ips)
           union select r.gateway_port_id from routers r where r.gateway_port_id is not null
             and r.gateway_port_id not in (select id from ports)`,
        )
        .map(({ id }) => `port ${String(id)} and its router or floating IP do not belong together`),
  },
];

function filesOf(world: World, place: string): string[] {
  return world.machine.disk
    .files(`${DISKS}/controller`)
    .filter((path) => path.includes(`/${place}/`))
    .map((path) => path.slice(path.lastIndexOf('/') + 1));
}
