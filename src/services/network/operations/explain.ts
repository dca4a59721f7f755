/** Why a network, a port, a router or a floating IP is as it is: which hosts have it, and what they have said of it. */
import { fromJson } from '#kernel/db/json.ts';
import { atRest, type Explanation, type StepOwner, type Wait, type Words } from '#kernel/operations/explanation.ts';
import type { NetworkDeps } from '../deps.ts';
import { findFloatingIp } from '../floating-ips/store.ts';
import type { FloatingIpRow } from '../floating-ips/tables.ts';
import { isAlive } from '../hosts/schedule.ts';
import { findHost, findHostByName, hostIdsOfNetworks } from '../hosts/store.ts';
import type { NetworkHostRow } from '../hosts/tables.ts';
import { networksTopic } from '../hosts/touch.ts';
import { findNetwork } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { findPort } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { findRow, type Source } from '../resources/store.ts';
import { findRouter } from '../routers/store.ts';
import type { RouterRow } from '../routers/tables.ts';

/** A network on more hosts is told of by the hosts that are behind or silent; those come first. */
const MAX_HOSTS = 50;

/** What is nothing but what it was made as. */
export interface PlainResource {
  readonly singular: string;
  readonly source: Source;
}

/** One of network's resources; undefined when the id is of none. */
export async function explainNetwork(
  deps: NetworkDeps,
  id: string,
  plain: readonly PlainResource[],
): Promise<Explanation | undefined> {
  const { db } = deps;
  const port = await findPort(db, id);
  if (port !== undefined) return explainPort(deps, port);
  const network = await findNetwork(db, id);
  if (network !== undefined) return explainOne(deps, network);
  const router = await findRouter(db, id);
  if (router !== undefined) return explainRouter(deps, router);
  const floatingIp = await findFloatingIp(db, id);
  if (floatingIp !== undefined) return explainFloatingIp(deps, floatingIp);
  for (const { singular, source } of plain) {
    const row = await findRow(db, source, id);
    if (row === undefined) continue;
    const { name, project_id: projectId } = row;
    return atRest({
      type: `network.${singular}`,
      id,
      name: typeof name === 'string' ? name : null,
      projectId: typeof projectId === 'string' ? projectId : null,
    });
  }
  return undefined;
}

type Agent = Extract<StepOwner, { readonly kind: 'agent' }>;

async function agentOf({ db, clock, revisions }: NetworkDeps, host: NetworkHostRow): Promise<Agent> {
  return {
    kind: 'agent',
    host: host.hostname,
    hostId: host.id,
    isUp: isAlive(host, clock.now().getTime()),
    lastSeenAt: host.seen_at,
    desiredRevision: await revisions.current(db, networksTopic(host.id)),
    reportedRevision: host.reported_revision,
  };
}

/** What a host says it could not do with a resource. */
function failureOf(host: NetworkHostRow, id: string): Wait['lastFailure'] {
  const message = fromJson(host.problems)[id];
  return message === undefined ? null : { code: 'network.host.problem', message, isInternal: true };
}

async function waitForHost(
  deps: NetworkDeps,
  host: NetworkHostRow,
  { id, what }: { readonly id: string; readonly what: Words },
): Promise<Wait> {
  const owner = await agentOf(deps, host);
  const since = owner.isUp ? null : owner.lastSeenAt;
  const lastFailure = failureOf(host, id);
  return { what, since, until: null, owner, nextTryAt: null, attempts: 0, lastFailure };
}

/** Waiting for somebody to be there who could do it. */
function waitForSomeHost(what: Words, since: number): Wait {
  return { what, since, until: null, owner: { kind: 'controller' }, nextTryAt: null, attempts: 0, lastFailure: null };
}

function waitForUser(what: Words, since: number): Wait {
  return { what, since, until: null, owner: { kind: 'user' }, nextTryAt: null, attempts: 0, lastFailure: null };
}

const AT_REST: Words = { en: 'nothing: it is at rest', zh: '无需操作：它处于静止状态' };

function nextStepOf(waits: readonly Wait[]): Words {
  const agent = waits.map(({ owner }) => owner).find((owner) => owner.kind === 'agent');
  if (waits.length === 0) return AT_REST;
  if (agent?.isUp === false)
    return { en: 'start the agent of its host: ./pileus up', zh: '启动其主机的代理：./pileus up' };
  if (waits.every(({ owner }) => owner.kind === 'user'))
    return { en: 'do what it waits for, if it is wanted', zh: '如有需要，完成其等待的操作' };
  return { en: 'wait; pileus status tells how hosts are', zh: '等待；pileus status 显示主机状况' };
}

function explained(
  known: Pick<Explanation, 'type' | 'id' | 'name' | 'projectId' | 'state'>,
  waits: readonly Wait[],
): Explanation {
  const isFinal = waits.every(({ owner }) => owner.kind === 'user');
  return { ...known, isFinal, waits, history: [], nextStep: nextStepOf(waits) };
}

async function explainPort(deps: NetworkDeps, port: PortRow): Promise<Explanation> {
  const known = { type: 'network.port', id: port.id, name: port.name, projectId: port.project_id, state: port.status };
  if (port.status === 'ACTIVE') {
    const host = port.host === '' ? undefined : await findHostByName(deps.db, port.host);
    if (host === undefined || isAlive(host, deps.clock.now().getTime())) return explained(known, []);
    const what = { en: 'its host to be heard of again', zh: '等待主机恢复联系' };
    return explained(known, [await waitForHost(deps, host, { id: port.id, what })]);
  }
  if (port.admin_state_up === 0)
    return explained(known, [
      waitForUser(
        { en: 'its user to enable it (openstack port set --enable)', zh: '等待用户启用端口' },
        port.updated_at,
      ),
    ]);
  const host = port.host === '' ? undefined : await findHostByName(deps.db, port.host);
  if (host === undefined)
    return explained(known, [
      waitForUser({ en: 'a server or router to be plugged into', zh: '等待连接到服务器或路由器' }, port.updated_at),
    ]);
  const what = { en: 'its host to plug it in and report it up', zh: '等待主机接入端口并报告就绪' };
  return explained(known, [await waitForHost(deps, host, { id: port.id, what })]);
}

async function explainOne(deps: NetworkDeps, network: NetworkRow): Promise<Explanation> {
  const waits: Wait[] = [];
  for (const id of (await hostIdsOfNetworks(deps.db, [network.id])).slice(0, MAX_HOSTS)) {
    const host = await findHost(deps.db, id);
    if (host === undefined) continue;
    const what = { en: 'a host to have what it is to have of it', zh: '等待主机应用该网络的最新设置' };
    const wait = await waitForHost(deps, host, { id: network.id, what });
    const owner = wait.owner as Agent;
    const isBehind = (owner.reportedRevision ?? 0) < (owner.desiredRevision ?? 0);
    if (!owner.isUp || isBehind || wait.lastFailure !== null) waits.push(wait);
  }
  const state = network.admin_state_up === 1 ? 'ACTIVE' : 'DOWN';
  return explained(
    { type: 'network.network', id: network.id, name: network.name, projectId: network.project_id, state },
    waits,
  );
}

async function explainRouter(deps: NetworkDeps, router: RouterRow): Promise<Explanation> {
  const known = {
    type: 'network.router',
    id: router.id,
    name: router.name,
    projectId: router.project_id,
    state: router.status,
  };
  const host = router.host_id === null ? undefined : await findHost(deps.db, router.host_id);
  if (host === undefined)
    return explained(known, [
      waitForUser(
        { en: 'a network to route, and a host that can', zh: '等待要路由的网络，以及可承担的主机' },
        router.updated_at,
      ),
    ]);
  const what = { en: 'its host to route', zh: '等待主机完成路由' };
  const wait = await waitForHost(deps, host, { id: router.id, what });
  const owner = wait.owner as Agent;
  const isDone =
    owner.isUp && wait.lastFailure === null && (owner.reportedRevision ?? 0) >= (owner.desiredRevision ?? 0);
  return explained(known, isDone ? [] : [wait]);
}

async function explainFloatingIp(deps: NetworkDeps, floatingIp: FloatingIpRow): Promise<Explanation> {
  const known = {
    type: 'network.floating_ip',
    id: floatingIp.id,
    name: floatingIp.floating_ip_address,
    projectId: floatingIp.project_id,
    state: floatingIp.status,
  };
  if (floatingIp.fixed_port_id === null)
    return explained(known, [
      waitForUser({ en: 'its user to give it a port', zh: '等待用户关联端口' }, floatingIp.updated_at),
    ]);
  if (floatingIp.status === 'ACTIVE') return explained(known, []);
  const router = floatingIp.router_id === null ? undefined : await findRouter(deps.db, floatingIp.router_id);
  const host = router?.host_id == null ? undefined : await findHost(deps.db, router.host_id);
  if (host === undefined)
    return explained(known, [
      waitForSomeHost(
        { en: 'a host for the router that leads to it', zh: '等待承担其路由器的主机' },
        floatingIp.updated_at,
      ),
    ]);
  const what = { en: "its router's host to lead to the port", zh: '等待路由器所在主机接通端口' };
  return explained(known, [await waitForHost(deps, host, { id: floatingIp.router_id ?? '', what })]);
}
