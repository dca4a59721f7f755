/** The end of a story: everybody gives back all that they have, by the APIs alone, and nothing may be left. */
import { leftOver } from '../support/invariants.ts';
import type { User, World } from './world.ts';

interface Named {
  readonly id: string;
  readonly [attribute: string]: unknown;
}

/** Asks, and keeps what was refused as a reason. */
function asker(world: World, user: User, refused: string[]) {
  return async (service: string, line: string, body?: unknown): Promise<Record<string, Named[]>> => {
    const answer = await world.during(world.ask(user, service, line, body));
    if (answer !== undefined && answer.status >= 400 && answer.status !== 404)
      refused.push(`${user.name} cannot clear up: ${line}: ${answer.status} ${answer.text}`);
    return (answer?.status === 200 ? answer.body : {}) as Record<string, Named[]>;
  };
}

type Ask = ReturnType<typeof asker>;

async function removeServers(ask: Ask): Promise<void> {
  for (const { id } of (await ask('compute', 'GET /v2.1/servers')).servers ?? []) {
    await ask('compute', `POST /v2.1/servers/${id}/action`, { unlock: null });
    await ask('compute', `DELETE /v2.1/servers/${id}`);
  }
}

async function removeNetworks(ask: Ask, projectId: string): Promise<void> {
  const own = async (plural: string): Promise<Named[]> => {
    const found = await ask('network', `GET /v2.0/${plural}?project_id=${projectId}`);
    return found[plural.replaceAll('-', '_')] ?? [];
  };
  for (const { id } of await own('floatingips')) await ask('network', `DELETE /v2.0/floatingips/${id}`);
  for (const port of await own('ports')) {
    if (port['device_owner'] !== 'network:router_interface') continue;
    const line = `PUT /v2.0/routers/${String(port['device_id'])}/remove_router_interface`;
    await ask('network', line, { port_id: port.id });
  }
  for (const { id } of await own('routers')) await ask('network', `DELETE /v2.0/routers/${id}`);
  for (const port of await own('ports'))
    if (!String(port['device_owner']).startsWith('network:')) await ask('network', `DELETE /v2.0/ports/${port.id}`);
  for (const { id } of await own('networks')) await ask('network', `DELETE /v2.0/networks/${id}`);
  for (const { id, name } of await own('security-groups'))
    if (name !== 'default') await ask('network', `DELETE /v2.0/security-groups/${id}`);
}

async function removeRest(ask: Ask, projectId: string): Promise<void> {
  for (const { id } of (await ask('compute', 'GET /v2.1/os-server-groups')).server_groups ?? [])
    await ask('compute', `DELETE /v2.1/os-server-groups/${id}`);
  for (const { keypair } of ((await ask('compute', 'GET /v2.1/os-keypairs')).keypairs ?? []) as unknown as {
    keypair: { name: string };
  }[])
    await ask('compute', `DELETE /v2.1/os-keypairs/${keypair.name}`);
  for (const { id } of (await ask('image', `GET /v2/images?owner=${projectId}`)).images ?? [])
    await ask('image', `DELETE /v2/images/${id}`);
}

/** Gives everything back; `settle` lets what was asked for come to its end. Returns what was refused or is left. */
export async function clearUp(world: World, settle: () => Promise<void>): Promise<string[]> {
  const refused: string[] = [];
  const people = world.users.slice(1);
  for (const user of people) await removeServers(asker(world, user, refused));
  await settle();
  for (const user of people) await removeNetworks(asker(world, user, refused), user.projectId);
  for (const user of people) await removeRest(asker(world, user, refused), user.projectId);
  await settle();
  const projects = people.map(({ projectId }) => `'${projectId}'`).join(', ');
  const own = `project_id in (${projects})`;
  const counts = ['networks', 'subnets', 'ports', 'routers', 'floating_ips', 'server_groups']
    .map((table) => [table, world.tables.count(table, own)] as const)
    .filter(([, count]) => count > 0)
    .map(([table, count]) => `${count} ${table} of users`);
  return [
    ...refused,
    ...leftOver(world.tables).map((what) => `left: ${what}`),
    ...counts.map((what) => `left: ${what}`),
  ];
}
