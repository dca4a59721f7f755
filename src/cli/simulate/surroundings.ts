import { type Api, spread } from './api.ts';

/** Where each service answers. */
export type Urls = Readonly<Record<string, string>>;

/** A project with a network of its own. */
export interface Tenant {
  readonly token: string;
  readonly networkId: string;
}

export interface Surroundings {
  readonly adminToken: string;
  readonly imageId: string;
  readonly flavorId: string;
  readonly tenants: readonly Tenant[];
}

interface Parts {
  readonly api: Api;
  readonly urls: Urls;
  readonly adminPassword: string;
  readonly projects: number;
  readonly atOnce: number;
}

/** The image's bytes: hosts with fake drivers never read them. */
const IMAGE_BYTES = 4096;

/** Makes what servers need, as an administrator and the projects' users would: by the APIs alone. */
export async function makeSurroundings(parts: Parts): Promise<Surroundings> {
  const { api, urls, projects, atOnce } = parts;
  const adminToken = await logIn(parts);
  const imageId = await makeImage(api, urls, adminToken);
  const flavor = { name: 'simulate.tiny', ram: 64, vcpus: 1, disk: 1 };
  const made = await api.ask({
    method: 'POST',
    url: `${urls['compute']}/v2.1/flavors`,
    token: adminToken,
    body: { flavor },
  });
  const quotas = { instances: -1, cores: -1, ram: -1, server_groups: -1 };
  await api.ask({
    method: 'PUT',
    url: `${urls['compute']}/v2.1/os-quota-class-sets/default`,
    token: adminToken,
    body: { quota_class_set: quotas },
  });
  const role = await api.ask({ method: 'GET', url: `${urls['identity']}/v3/roles?name=admin`, token: adminToken });
  const who = await api.ask({ method: 'GET', url: `${urls['identity']}/v3/users?name=admin`, token: adminToken });
  const roleId = role.json<{ roles: { id: string }[] }>().roles[0]?.id ?? '';
  const userId = who.json<{ users: { id: string }[] }>().users[0]?.id ?? '';
  const tenants: Tenant[] = [];
  await spread(projects, atOnce, async (i) => {
    tenants[i] = await makeTenant(parts, { adminToken, roleId, userId, index: i });
  });
  return { adminToken, imageId, flavorId: made.json<{ flavor: { id: string } }>().flavor.id, tenants };
}

const DOMAIN = { id: 'default' };

async function logIn({ api, urls, adminPassword }: Parts): Promise<string> {
  const user = { name: 'admin', domain: DOMAIN, password: adminPassword };
  const scope = { project: { name: 'admin', domain: DOMAIN } };
  const body = { auth: { identity: { methods: ['password'], password: { user } }, scope } };
  return (await api.ask({ method: 'POST', url: `${urls['identity']}/v3/auth/tokens`, body })).token;
}

async function makeImage(api: Api, urls: Urls, token: string): Promise<string> {
  const image = await api.ask({
    method: 'POST',
    url: `${urls['image']}/v2/images`,
    token,
    body: { name: 'simulate', disk_format: 'raw', container_format: 'bare', visibility: 'public' },
  });
  const { id } = image.json<{ id: string }>();
  await api.ask({
    method: 'PUT',
    url: `${urls['image']}/v2/images/${id}/file`,
    token,
    body: Buffer.alloc(IMAGE_BYTES, 7),
  });
  return id;
}

async function makeTenant(
  { api, urls }: Parts,
  who: { readonly adminToken: string; readonly roleId: string; readonly userId: string; readonly index: number },
): Promise<Tenant> {
  const identity = `${urls['identity']}/v3`;
  const project = { name: `simulate-${who.index + 1}`, domain_id: DOMAIN.id };
  const made = await api.ask({ method: 'POST', url: `${identity}/projects`, token: who.adminToken, body: { project } });
  const { id } = made.json<{ project: { id: string } }>().project;
  await api.ask({
    method: 'PUT',
    url: `${identity}/projects/${id}/users/${who.userId}/roles/${who.roleId}`,
    token: who.adminToken,
  });
  const scoped = { identity: { methods: ['token'], token: { id: who.adminToken } }, scope: { project: { id } } };
  const { token } = await api.ask({ method: 'POST', url: `${identity}/auth/tokens`, body: { auth: scoped } });
  const network = await api.ask({
    method: 'POST',
    url: `${urls['network']}/v2.0/networks`,
    token,
    body: { network: { name: 'private' } },
  });
  const networkId = network.json<{ network: { id: string } }>().network.id;
  const subnet = { network_id: networkId, ip_version: 4, cidr: '10.0.0.0/16', name: 'private' };
  await api.ask({ method: 'POST', url: `${urls['network']}/v2.0/subnets`, token, body: { subnet } });
  const quota = { port: -1 };
  await api.ask({ method: 'PUT', url: `${urls['network']}/v2.0/quotas/${id}`, token, body: { quota } });
  return { token, networkId };
}
