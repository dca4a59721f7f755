import type { Entry, Kind } from '../ledger.ts';
import type { SimAnswer } from '../world.ts';
import { change, isGood, type Moment, make, pickEntry, pickFrom, remove, told, type Weighted } from './operation.ts';

const MAX_NETWORKS = 4;
const MAX_PORTS = 8;

/** Plural on the wire, singular in bodies. */
const WORDS: Readonly<Partial<Record<Kind, readonly [plural: string, singular: string]>>> = {
  network: ['networks', 'network'],
  subnet: ['subnets', 'subnet'],
  port: ['ports', 'port'],
  router: ['routers', 'router'],
  floatingip: ['floatingips', 'floatingip'],
  'security-group': ['security-groups', 'security_group'],
  'security-group-rule': ['security-group-rules', 'security_group_rule'],
};

export function pathOf(entry: Pick<Entry, 'kind' | 'id'>): string {
  return `/v2.0/${WORDS[entry.kind]?.[0]}/${entry.id}`;
}

/** The member of an answer's body that holds the thing itself. */
export function memberOf(kind: Kind): string {
  return WORDS[kind]?.[1] ?? kind;
}

function create(
  moment: Moment,
  kind: Kind,
  body: Readonly<Record<string, unknown>>,
  parents: readonly string[] = [],
): Promise<string> {
  const word = memberOf(kind);
  return make(
    moment,
    kind,
    { service: 'network', line: `POST /v2.0/${WORDS[kind]?.[0]}`, body: { [word]: body } },
    { read: (answer) => answer[word].id, parents, fields: 'name' in body ? { name: body['name'] } : {} },
  );
}

const removeOne = (kind: Kind) => async (moment: Moment) => {
  const entry = pickEntry(moment, kind);
  return entry === undefined
    ? undefined
    : remove(moment, entry, { service: 'network', line: `DELETE ${pathOf(entry)}` });
};

async function createNetwork(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  if (ledger.living('network', user.project).length >= MAX_NETWORKS) return undefined;
  return create(moment, 'network', { name: `net-${chance.below(1_000)}` });
}

async function createSubnet(moment: Moment): Promise<string | undefined> {
  const { chance } = moment;
  const network = pickEntry(moment, 'network');
  if (network === undefined) return undefined;
  const cidr = `10.${chance.below(200)}.${chance.below(4)}.0/${chance.percent(50) ? 29 : 24}`;
  const body = { network_id: network.id, ip_version: 4, cidr, name: `sub-${chance.below(1_000)}` };
  return create(moment, 'subnet', body, [network.id]);
}

async function createPort(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  if (ledger.living('port', user.project).length >= MAX_PORTS) return undefined;
  const network = pickEntry(moment, 'network');
  if (network === undefined) return undefined;
  return create(moment, 'port', { network_id: network.id, name: `port-${chance.below(1_000)}` });
}

async function updatePort(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  const port = pickEntry(moment, 'port');
  if (port === undefined) return undefined;
  const group = pickFrom(chance, ledger.living('security-group', user.project));
  const name = `port-${chance.below(1_000)}`;
  const body = {
    name,
    ...(chance.percent(30) && group !== undefined ? { security_groups: [group.id] } : {}),
    ...(chance.percent(20) ? { admin_state_up: chance.percent(60) } : {}),
  };
  return change(moment, port, { service: 'network', line: `PUT ${pathOf(port)}`, body: { port: body } }, { name });
}

async function rename(moment: Moment): Promise<string | undefined> {
  const { chance } = moment;
  const kind = pickFrom(chance, ['network', 'subnet', 'router', 'security-group'] as const) ?? 'network';
  const entry = pickEntry(moment, kind);
  if (entry === undefined) return undefined;
  const name = `renamed-${chance.below(1_000)}`;
  const asked = { service: 'network', line: `PUT ${pathOf(entry)}`, body: { [memberOf(kind)]: { name } } };
  return change(moment, entry, asked, { name });
}

async function createRouter(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user, world } = moment;
  if (ledger.living('router', user.project).length >= 2) return undefined;
  const gateway = chance.percent(70) ? { external_gateway_info: { network_id: world.common.publicNetworkId } } : {};
  return create(moment, 'router', { name: `router-${chance.below(1_000)}`, ...gateway });
}

async function changeGateway(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const router = pickEntry(moment, 'router');
  if (router === undefined) return undefined;
  const gateway = chance.percent(60) ? { network_id: world.common.publicNetworkId } : null;
  const body = { router: { external_gateway_info: gateway } };
  const line = `PUT ${pathOf(router)}`;
  return told(line, body, await world.ask(user, 'network', line, body));
}

const routerInterface = (verb: 'add' | 'remove') => async (moment: Moment) => {
  const { user, world } = moment;
  const router = pickEntry(moment, 'router');
  const subnet = pickEntry(moment, 'subnet');
  if (router === undefined || subnet === undefined) return undefined;
  const body = { subnet_id: subnet.id };
  const line = `PUT ${pathOf(router)}/${verb}_router_interface`;
  return told(line, body, await world.ask(user, 'network', line, body));
};

async function createFloatingIp(moment: Moment): Promise<string | undefined> {
  const { ledger, user, world } = moment;
  if (ledger.living('floatingip', user.project).length >= 4) return undefined;
  return create(moment, 'floatingip', { floating_network_id: world.common.publicNetworkId });
}

async function associate(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const floating = pickEntry(moment, 'floatingip');
  if (floating === undefined) return undefined;
  const found = await world.ask(user, 'network', 'GET /v2.0/ports');
  const ports: { id: string; fixed_ips: unknown[] }[] = found?.status === 200 ? found.body.ports : [];
  const port = chance.percent(70) ? pickFrom(chance, ports) : undefined;
  const body = { floatingip: { port_id: port?.id ?? null } };
  const line = `PUT ${pathOf(floating)}`;
  return told(line, body, await world.ask(user, 'network', line, body));
}

/** What people do first: a network of their own with a way out, and a server with an address that all can reach. */
async function buildSite(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user, world } = moment;
  if (ledger.living('network', user.project).length >= MAX_NETWORKS) return undefined;
  const lines: string[] = [];
  const ask = async (service: string, line: string, body: object): Promise<SimAnswer | undefined> => {
    const answer = await world.ask(user, service, line, body);
    lines.push(told(line, body, answer));
    return isGood(answer) ? answer : undefined;
  };
  const enter = (kind: Kind, id: string, parents: readonly string[] = []): string => {
    ledger.add({ kind, id, project: user.project, user: user.name, parents });
    return id;
  };
  const build = async (): Promise<void> => {
    const network = await ask('network', 'POST /v2.0/networks', { network: { name: 'site' } });
    if (network === undefined) return;
    const networkId = enter('network', network.body.network.id);
    // a small one is soon full, and builds fail half way
    const cidr = `10.${chance.below(200)}.${chance.below(4)}.0/${chance.percent(40) ? 29 : 24}`;
    const subnet = await ask('network', 'POST /v2.0/subnets', {
      subnet: { network_id: networkId, ip_version: 4, cidr },
    });
    if (subnet === undefined) return;
    const subnetId = enter('subnet', subnet.body.subnet.id, [networkId]);
    const router = await ask('network', 'POST /v2.0/routers', {
      router: { name: 'site', external_gateway_info: { network_id: world.common.publicNetworkId } },
    });
    if (router === undefined) return;
    const routerId = enter('router', router.body.router.id);
    await ask('network', `PUT /v2.0/routers/${routerId}/add_router_interface`, { subnet_id: subnetId });
    const port = await ask('network', 'POST /v2.0/ports', { port: { network_id: networkId } });
    if (port === undefined) return;
    const portId = enter('port', port.body.port.id);
    const server = await ask('compute', 'POST /v2.1/servers', {
      server: {
        name: 'site',
        imageRef: world.common.imageId,
        flavorRef: pickFrom(chance, world.common.flavorIds),
        networks: [{ port: portId }],
      },
    });
    if (server !== undefined) enter('server', server.body.server.id);
    const floating = await ask('network', 'POST /v2.0/floatingips', {
      floatingip: { floating_network_id: world.common.publicNetworkId, port_id: portId },
    });
    if (floating !== undefined) enter('floatingip', floating.body.floatingip.id);
  };
  await build();
  return lines.join('; ');
}

async function createGroup(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  if (ledger.living('security-group', user.project).length >= 4) return undefined;
  return create(moment, 'security-group', { name: `group-${chance.below(1_000)}` });
}

async function createRule(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  const group = pickEntry(moment, 'security-group');
  if (group === undefined) return undefined;
  const remote = chance.percent(40) ? pickFrom(chance, ledger.living('security-group', user.project)) : undefined;
  const port = 1 + chance.below(5);
  const body = {
    security_group_id: group.id,
    direction: chance.percent(50) ? 'ingress' : 'egress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: port,
    port_range_max: port,
    ...(remote === undefined ? {} : { remote_group_id: remote.id }),
  };
  return create(moment, 'security-group-rule', body, [group.id, ...(remote === undefined ? [] : [remote.id])]);
}

async function setQuota(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const [admin] = world.users;
  if (admin === undefined) return undefined;
  const body = { quota: { port: 5 + chance.below(30), floatingip: 1 + chance.below(6), network: 2 + chance.below(6) } };
  const line = `PUT /v2.0/quotas/${user.projectId}`;
  return told(line, body, await world.ask(admin, 'network', line, body));
}

/** What users do with networks, and how often. */
export const networkOperations: readonly Weighted[] = [
  [5, 'build site', buildSite],
  [4, 'create network', createNetwork],
  [2, 'delete network', removeOne('network')],
  [5, 'create subnet', createSubnet],
  [2, 'delete subnet', removeOne('subnet')],
  [4, 'create port', createPort],
  [3, 'delete port', removeOne('port')],
  [3, 'update port', updatePort],
  [2, 'rename', rename],
  [2, 'create router', createRouter],
  [2, 'delete router', removeOne('router')],
  [2, 'change gateway', changeGateway],
  [4, 'add router interface', routerInterface('add')],
  [2, 'remove router interface', routerInterface('remove')],
  [3, 'create floating IP', createFloatingIp],
  [4, 'associate floating IP', associate],
  [2, 'delete floating IP', removeOne('floatingip')],
  [2, 'create security group', createGroup],
  [1, 'delete security group', removeOne('security-group')],
  [3, 'create security group rule', createRule],
  [1, 'delete security group rule', removeOne('security-group-rule')],
  [1, 'set network quota', setQuota],
];
