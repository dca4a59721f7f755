/** Why a server, a host or another of compute's resources is as it is, and who takes the next step. */
import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import {
  atRest,
  type Explanation,
  type Failure,
  type PastWork,
  pastTask,
  type StepOwner,
  type Wait,
  type Words,
  waitForTask,
} from '#kernel/operations/explanation.ts';
import type { ComputeDeps } from '../deps.ts';
import { findFlavor } from '../flavors/store.ts';
import { findHost, type Host } from '../hosts/store.ts';
import { findAction, listActions, listEvents } from '../instance-actions/store.ts';
import { findServerGroup } from '../server-groups/store.ts';
import { currentGuests } from '../servers/guests/revision.ts';
import { type Guest, listGuestsOf } from '../servers/guests/store.ts';
import { statusOf } from '../servers/states.ts';
import { findServer, type Server } from '../servers/store.ts';

/** What of the past is told: enough to see a pattern, little enough to read. */
const MAX_PAST = 10;

const TASK_WORDS: Readonly<Record<string, Words>> = {
  'compute.server.build': { en: 'being built', zh: '正在创建' },
  'compute.server.abandon': { en: 'what a failed build took to be given back', zh: '归还失败的创建所占用的资源' },
  'compute.server.delete': { en: 'being taken from its host', zh: '正在从主机移除' },
  'compute.server.finish-delete': { en: 'its ports and its place to be given back', zh: '归还其端口和占用的资源' },
  'compute.server.release-ports': { en: 'detached ports to be given back', zh: '归还已分离的端口' },
  'compute.server.resize': { en: 'being resized', zh: '正在调整大小' },
  'compute.server.fit-claim': { en: 'its claim to be fitted to its flavor', zh: '使资源占用与规格一致' },
};

/** One of compute's resources; undefined when the id is of none. */
export async function explainCompute(deps: ComputeDeps, id: string): Promise<Explanation | undefined> {
  const server = await findServer(deps.db, id);
  if (server !== undefined) return explainServer(deps, server);
  const host = await findHost(deps.db, id);
  if (host !== undefined) return explainHost(deps, host);
  const flavor = await findFlavor(deps.db, id, null);
  if (flavor !== undefined) return atRest({ type: 'compute.flavor', id, name: flavor.name, projectId: null });
  const group = await findServerGroup(deps.db, id);
  if (group !== undefined)
    return atRest({ type: 'compute.server_group', id, name: group.name, projectId: group.project_id });
  return undefined;
}

interface Seen {
  readonly server: Server;
  readonly guests: readonly { readonly guest: Guest; readonly owner: Agent }[];
  /** When what is under way was asked for. */
  readonly since: number;
}

type Agent = Extract<StepOwner, { readonly kind: 'agent' }>;

async function explainServer(deps: ComputeDeps, server: Server): Promise<Explanation> {
  const db = deps.db as Db;
  const tasks = await deps.tasks.listUnfinished(db, server.id);
  const guests = [];
  for (const guest of await listGuestsOf(deps.db, server.id))
    guests.push({ guest, owner: await agentOf(deps, guest.host_id) });
  const since = (await findAction(deps.db, server.id, server.request_id))?.started_at ?? server.updated_at;
  const seen: Seen = { server, guests, since };
  const waits = [
    ...tasks.map((task) => waitForTask(task, TASK_WORDS[task.name] ?? { en: task.name, zh: task.name })),
    ...(tasks.length === 0 ? waitsForHosts(seen) : []),
    ...troublesOfHosts(seen),
    ...(await waitsForPorts(deps, seen)),
    ...waitsForUser(seen),
  ];
  const underWay = server.task_state === null ? '' : ` (${server.task_state})`;
  return {
    type: 'compute.server',
    id: server.id,
    name: server.name,
    projectId: server.project_id,
    state: statusOf(server) + (server.deleted_at === null ? underWay : ''),
    isFinal: !isUnderWay(server) && tasks.length === 0,
    waits,
    history: await pastOfServer(deps, server),
    nextStep: nextStepOf(server, waits),
  };
}

function isUnderWay(server: Server): boolean {
  return server.deleted_at === null && (server.task_state !== null || server.vm_state === 'building');
}

async function agentOf(deps: ComputeDeps, hostId: string): Promise<Agent> {
  const host = await findHost(deps.db, hostId);
  return {
    kind: 'agent',
    host: host?.hostname ?? null,
    hostId,
    isUp: host !== undefined && deps.liveness.isUp(host),
    lastSeenAt: host?.last_seen_at ?? null,
    desiredRevision: await currentGuests(deps, deps.db, hostId),
    reportedRevision: host?.reported_revision ?? null,
  };
}

function problemOf(guest: Guest): Failure | null {
  if (guest.problem === null) return null;
  const at = guest.problem.indexOf(': ');
  return at === -1
    ? { code: 'guest.problem', message: guest.problem, isInternal: true }
    : { code: guest.problem.slice(0, at), message: guest.problem.slice(at + 2), isInternal: true };
}

/** What is under way and not a task: the host does it, and says so. */
function waitsForHosts({ server, guests, since }: Seen): Wait[] {
  if (!isUnderWay(server)) return [];
  const isDeleting = server.task_state === 'deleting';
  const what: Words = isDeleting
    ? { en: 'its host to give the guest up', zh: '等待主机移除虚拟机' }
    : {
        en: `its host to carry out: ${server.task_state ?? server.vm_state}`,
        zh: `等待主机执行：${server.task_state ?? server.vm_state}`,
      };
  const wait = (owner: StepOwner, lastFailure: Failure | null): Wait => ({
    what,
    since,
    // a deletion's time is that of the next look, which goes on without hosts that are down
    until: isDeleting ? null : server.deadline_at,
    owner,
    nextTryAt: isDeleting ? server.deadline_at : null,
    attempts: 0,
    lastFailure,
  });
  if (guests.length === 0) return [wait({ kind: 'controller' }, null)];
  return guests
    .filter(({ guest }) => isDeleting || guest.is_gone === 0)
    .map(({ guest, owner }) => wait(owner, problemOf(guest)));
}

/** What a server at rest would have otherwise: a host that answers, and that can do what it is told. */
function troublesOfHosts({ server, guests }: Seen): Wait[] {
  if (isUnderWay(server)) return [];
  const given = { until: null, nextTryAt: null, attempts: 0 };
  return guests.flatMap(({ guest, owner }): Wait[] => {
    const lastFailure = problemOf(guest);
    if (guest.is_gone === 1)
      return [
        {
          ...given,
          what: { en: 'a host to give up the guest that it no longer is to have', zh: '等待主机移除不应再有的虚拟机' },
          since: guest.updated_at,
          owner,
          lastFailure,
        },
      ];
    if (!owner.isUp)
      return [
        {
          ...given,
          what: {
            en: 'its host to be heard of again; the guest may go on running meanwhile',
            zh: '等待主机恢复联系；其间虚拟机可能仍在运行',
          },
          since: owner.lastSeenAt,
          owner,
          lastFailure,
        },
      ];
    if (lastFailure === null) return [];
    return [
      {
        ...given,
        what: { en: 'its host to get over a problem', zh: '等待主机解决问题' },
        since: guest.updated_at,
        owner,
        lastFailure,
      },
    ];
  });
}

async function waitsForPorts(deps: ComputeDeps, { server, guests }: Seen): Promise<Wait[]> {
  const owner = guests.find(({ guest }) => guest.is_gone === 0)?.owner;
  if (owner === undefined || server.vm_state !== 'active' || isUnderWay(server)) return [];
  const ports = (await deps.network.listServerPorts(deps.db as Db, [server.id])).get(server.id) ?? [];
  return ports
    .filter(({ status }) => status !== 'ACTIVE')
    .map(({ portId, status }) => ({
      what: {
        en: `port ${portId}, which is ${status}, to become ACTIVE`,
        zh: `等待端口 ${portId}（${status}）变为 ACTIVE`,
      },
      since: null,
      until: null,
      // revisions of networks are another count: the port's own explanation has them
      owner: { ...owner, desiredRevision: null, reportedRevision: null },
      nextTryAt: null,
      attempts: 0,
      lastFailure: null,
    }));
}

function waitsForUser({ server }: Seen): Wait[] {
  if (server.vm_state !== 'resized' || server.task_state !== null) return [];
  return [
    {
      what: { en: 'its user to confirm or revert the resize', zh: '等待用户确认或撤销调整大小' },
      since: server.updated_at,
      until: null,
      owner: { kind: 'user' },
      nextTryAt: null,
      attempts: 0,
      lastFailure: null,
    },
  ];
}

async function pastOfServer(deps: ComputeDeps, server: Server): Promise<PastWork[]> {
  const past: PastWork[] = (await deps.tasks.listFinished(deps.db as Db, server.id, MAX_PAST)).map(pastTask);
  for (const action of await listActions(deps.db, server.id, { limit: MAX_PAST })) {
    for (const event of await listEvents(deps.db, server.id, action.request_id)) {
      past.push({
        what: `${action.action}: ${event.event}`,
        startedAt: event.started_at,
        endedAt: event.finished_at,
        outcome: event.result === null ? 'unfinished' : event.result === 'Success' ? 'done' : 'failed',
        step: null,
        failure:
          event.result === 'Error' ? { code: 'compute.server.action_failed', message: event.details ?? '' } : null,
        requestId: action.request_id,
      });
    }
  }
  if (server.fault !== null) {
    const { message, details, createdAt } = fromJson(server.fault);
    const told = { what: 'fault', startedAt: createdAt, endedAt: createdAt, step: null, requestId: null };
    past.push({ ...told, outcome: 'failed', failure: { code: 'compute.server.fault', message } });
    if (details !== null && details !== message)
      past.push({
        ...told,
        what: 'fault, in detail',
        outcome: 'failed',
        failure: { code: 'compute.server.fault', message: details, isInternal: true },
      });
  }
  return past.toSorted((a, b) => b.startedAt - a.startedAt).slice(0, 2 * MAX_PAST);
}

function nextStepOf(server: Server, waits: readonly Wait[]): Words {
  const { id } = server;
  const isHostDown = waits.some(({ owner }) => owner.kind === 'agent' && !owner.isUp);
  if (isUnderWay(server) && server.task_state === 'deleting')
    return isHostDown
      ? {
          en: `nothing: it goes on by itself without the host, soon; at once with: pileus force ${id}`,
          zh: `无需操作：即将自动跳过该主机继续；立即继续：pileus force ${id}`,
        }
      : {
          en: `wait for the host; or go on without it: pileus force ${id}`,
          zh: `等待主机；或不再等待：pileus force ${id}`,
        };
  if (isUnderWay(server))
    return {
      en: `${isHostDown ? 'start the agent of its host; or ' : 'wait; or '}turn it back: pileus cancel ${id}; or end it now: pileus force ${id}`,
      zh: `${isHostDown ? '启动其主机的代理；或' : '等待；或'}撤回：pileus cancel ${id}；或立即结束：pileus force ${id}`,
    };
  if (server.deleted_at !== null) return { en: 'nothing: it is deleted', zh: '无需操作：它已删除' };
  if (server.vm_state === 'error')
    return {
      en: `read what failed below; then try again (openstack server reboot --hard ${id}) or delete it (openstack server delete ${id})`,
      zh: `查看下面的失败原因；然后重试（openstack server reboot --hard ${id}）或删除（openstack server delete ${id}）`,
    };
  if (server.vm_state === 'resized')
    return {
      en: `openstack server resize confirm ${id}, or openstack server resize revert ${id}`,
      zh: `openstack server resize confirm ${id} 或 openstack server resize revert ${id}`,
    };
  if (isHostDown) return { en: 'start the agent of its host: ./pileus up', zh: '启动其主机的代理：./pileus up' };
  if (waits.length > 0) return { en: 'wait; pileus status tells of hosts', zh: '等待；pileus status 显示主机状况' };
  return { en: 'nothing: it is at rest', zh: '无需操作：它处于静止状态' };
}

async function explainHost(deps: ComputeDeps, host: Host): Promise<Explanation> {
  const owner = await agentOf(deps, host.id);
  const given = { until: null, owner, nextTryAt: null, attempts: 0, lastFailure: null };
  const isBehind = owner.isUp && (owner.reportedRevision ?? 0) < (owner.desiredRevision ?? 0);
  const waits: Wait[] = [
    ...(owner.isUp
      ? []
      : [
          {
            ...given,
            what:
              host.is_forced_down === 1
                ? { en: 'an operator, who has declared it down', zh: '等待运维人员：已被强制标记为离线' }
                : { en: 'its agent to be heard of again', zh: '等待其代理恢复联系' },
            since: host.last_seen_at,
          },
        ]),
    ...(isBehind
      ? [{ ...given, what: { en: 'its agent to take in newer wishes', zh: '等待代理接收新的期望状态' }, since: null }]
      : []),
    ...fromJson(host.notices).map(({ code, message }) => ({
      ...given,
      what: message,
      since: null,
      owner: { kind: 'user' as const },
      lastFailure: { code, message: message.en },
    })),
  ];
  return {
    type: 'compute.host',
    id: host.id,
    name: host.hostname,
    projectId: null,
    state: `${owner.isUp ? 'up' : 'down'}, ${host.is_disabled === 1 ? 'disabled' : 'enabled'}`,
    isFinal: owner.isUp && !isBehind,
    waits,
    history: [],
    nextStep: owner.isUp
      ? { en: 'nothing; pileus status tells what it notices', zh: '无需操作；pileus status 显示其通知' }
      : { en: 'start its agent: ./pileus up', zh: '启动其代理：./pileus up' },
  };
}
