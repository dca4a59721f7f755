import type { CloudClient } from '../api/client.ts';
import { type Words, words } from '../language.ts';
import { padTo, widthOf } from '../text-width.ts';

/** One line of the report. */
export interface Line {
  readonly what: Words;
  readonly state: Words;
  /** What can be done about it: there when it isn't well, or could be better. */
  readonly next?: Words;
  /** Whether all is well with it. */
  readonly isWell: boolean;
}

/** Guests and tasks shown one by one; of the others only how many there are. */
const MAX_SHOWN = 20;

/** The same in both languages: names, numbers, what a service said. */
export function same(text: string): Words {
  return { en: text, zh: text };
}

/** How everything of a cloud is that answers. @throws as {@link CloudClient.get}. */
export async function lookAtCloud(cloud: CloudClient): Promise<Line[]> {
  return [
    ...(await lookAtHosts(cloud)),
    ...(await lookAtAgents(cloud)),
    ...(await lookAtTasks(cloud)),
    ...(await lookAtGuests(cloud)),
  ];
}

/** The report as it is printed: a sign, what it is, how it is; below it what to do. */
export function renderLines(lines: readonly Line[], pick: (both: Words) => string = words): string {
  const width = Math.max(...lines.map(({ what }) => widthOf(pick(what))));
  return lines
    .map(({ what, state, next, isWell }) => {
      const name = padTo(pick(what), width);
      const sign = isWell ? (next === undefined ? '✓' : 'i') : '✗';
      return `${sign} ${name}  ${pick(state)}\n${next === undefined ? '' : `    → ${pick(next)}\n`}`;
    })
    .join('');
}

interface Hypervisor {
  readonly hypervisor_hostname: string;
  readonly state: string;
  readonly status: string;
  readonly hypervisor_type: string;
}

interface HostOfOperations {
  readonly name: string;
  readonly notices: readonly {
    readonly level: 'trouble' | 'info';
    readonly message: Words;
    readonly next_step: Words;
  }[];
}

async function lookAtHosts(cloud: CloudClient): Promise<Line[]> {
  const { hypervisors } = await cloud.get<{ hypervisors: Hypervisor[] }>('compute', '/os-hypervisors/detail');
  if (hypervisors.length === 0) {
    return [
      {
        what: { en: 'hosts', zh: '主机' },
        state: { en: 'none yet', zh: '还没有' },
        next: { en: 'the agent has not reported; see the agent log', zh: '代理尚未报告；请看代理日志' },
        isWell: false,
      },
    ];
  }
  const { hosts } = await cloud.get<{ hosts: HostOfOperations[] }>('operations', '/v1/hosts');
  return hypervisors.flatMap((host) => [
    lineOfHost(host),
    ...(hosts.find(({ name }) => name === host.hypervisor_hostname)?.notices ?? []).map(
      ({ level, message, next_step: next }): Line => ({
        what: { en: `  on ${host.hypervisor_hostname}`, zh: `  ${host.hypervisor_hostname} 上` },
        state: message,
        next,
        isWell: level === 'info',
      }),
    ),
  ]);
}

function lineOfHost({ hypervisor_hostname: name, state, status: admin, hypervisor_type: type }: Hypervisor): Line {
  const isUp = state === 'up';
  const isEnabled = admin === 'enabled';
  return {
    what: { en: `host ${name}`, zh: `主机 ${name}` },
    state: {
      en: `${state}, ${admin}, ${type}`,
      zh: `${isUp ? '在线' : '离线'}，${isEnabled ? '已启用' : '已停用'}，${type}`,
    },
    ...(isUp ? {} : { next: startAgent(name) }),
    isWell: isUp,
  };
}

function startAgent(name: string): Words {
  return { en: `start the agent on ${name}: ./pileus up`, zh: `在 ${name} 上启动代理：./pileus up` };
}

interface NetworkAgent {
  readonly agent_type: string;
  readonly host: string;
  readonly alive: boolean;
}

async function lookAtAgents(cloud: CloudClient): Promise<Line[]> {
  const { agents } = await cloud.get<{ agents: NetworkAgent[] }>('network', '/v2.0/agents');
  return agents.map(({ agent_type: type, host, alive }) => ({
    what: same(type),
    state: alive
      ? { en: `alive on ${host}`, zh: `在 ${host} 上运行` }
      : { en: `silent on ${host}`, zh: `在 ${host} 上无响应` },
    ...(alive ? {} : { next: startAgent(host) }),
    isWell: alive,
  }));
}

interface LateTask {
  readonly kind: string;
  readonly resource_id: string;
  readonly request_id: string;
  readonly direction: 'forward' | 'undo';
  readonly attempts: number;
  readonly error: string | null;
  readonly created_at: string;
  readonly deadline_at: string;
}

async function lookAtTasks(cloud: CloudClient): Promise<Line[]> {
  const { tasks } = await cloud.get<{ tasks: LateTask[] }>('operations', '/v1/tasks/late');
  const line: Line = {
    what: { en: 'tasks', zh: '任务' },
    state:
      tasks.length === 0
        ? { en: 'none is late', zh: '没有延误' }
        : { en: `${tasks.length} late`, zh: `${tasks.length} 个延误` },
    isWell: tasks.length === 0,
  };
  return [line, ...tasks.slice(0, MAX_SHOWN).map(lineOfTask)];
}

function lineOfTask(task: LateTask): Line {
  const why = task.error === null ? '' : `: ${task.error}`;
  const isUndone = task.direction === 'undo';
  return {
    what: same(`  ${task.kind}`),
    state: {
      en: `${isUndone ? 'being undone' : 'waiting'} since ${task.created_at}, ${task.attempts} failed tries${why}`,
      zh: `自 ${task.created_at} 起${isUndone ? '正在撤销' : '等待'}，已失败 ${task.attempts} 次${why}`,
    },
    next: isUndone
      ? {
          en: `it is tried until it works; the controller's log says more: grep ${task.request_id}`,
          zh: `会一直重试直到成功；控制器日志有详情：grep ${task.request_id}`,
        }
      : {
          en: `it is tried until ${task.deadline_at} and then undone; deleting ${task.resource_id} ends it at once`,
          zh: `会重试到 ${task.deadline_at}，之后撤销；删除 ${task.resource_id} 可立即结束`,
        },
    isWell: false,
  };
}

interface Guest {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly fault?: { readonly message: string };
}

async function lookAtGuests(cloud: CloudClient): Promise<Line[]> {
  const { servers } = await cloud.get<{ servers: Guest[] }>('compute', '/servers/detail?all_tenants=1&limit=1000');
  const counts = [...Map.groupBy(servers, (server) => server.status)].map(([state, list]) => `${list.length} ${state}`);
  const broken = servers.filter((server) => server.status === 'ERROR').slice(0, MAX_SHOWN);
  return [
    {
      what: { en: 'guests', zh: '虚拟机' },
      state: counts.length === 0 ? { en: 'none', zh: '没有' } : same(counts.join(', ')),
      isWell: true,
    },
    ...broken.map(
      ({ id, name, fault }): Line => ({
        what: { en: `guest ${name}`, zh: `虚拟机 ${name}` },
        state: same(fault?.message ?? 'ERROR'),
        next: {
          en: `openstack server show ${id} says more; openstack server delete ${id} clears it`,
          zh: `openstack server show ${id} 查看详情；openstack server delete ${id} 清除`,
        },
        isWell: false,
      }),
    ),
  ];
}
