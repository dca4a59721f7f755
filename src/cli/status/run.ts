import { existsSync } from 'node:fs';
import { errorText } from '#kernel/errors.ts';
import { type CloudClient, logIn } from '../api/client.ts';
import { cloudFolder } from '../cloud-folder.ts';
import { type Words, words } from '../language.ts';
import { findProcess } from '../process-file.ts';

export interface StatusOptions {
  readonly data?: string;
}

/** One line of the report; a `next` says that it isn't well and what to do. */
interface Line {
  readonly what: string;
  readonly state: string;
  readonly next?: Words;
}

/** Guests shown by name; of the others only how many there are. */
const MAX_SHOWN = 20;

/** Prints how the cloud is; exit code 1 when something is not well. */
export async function status(options: StatusOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const lines = await look(folder.path, folder.pidFile, folder.cloudsYamlFile);
  const width = Math.max(...lines.map(({ what }) => what.length));
  for (const { what, state, next } of lines) {
    process.stdout.write(`${next === undefined ? '✓' : '✗'} ${what.padEnd(width)}  ${state}\n`);
    if (next !== undefined) process.stdout.write(`    → ${words(next)}\n`);
  }
  if (lines.some(({ next }) => next !== undefined)) process.exitCode = 1;
}

async function look(path: string, pidFile: string, cloudsYamlFile: string): Promise<Line[]> {
  if (!existsSync(cloudsYamlFile)) {
    return [
      { what: 'cloud', state: `none in ${path}`, next: { en: './pileus up starts one', zh: '用 ./pileus up 启动' } },
    ];
  }
  const pid = findProcess(pidFile);
  const control: Line =
    pid === undefined
      ? {
          what: 'control plane',
          state: 'not running; guests and their networks go on',
          next: { en: './pileus up', zh: './pileus up' },
        }
      : { what: 'control plane', state: `process ${pid}` };
  if (pid === undefined) return [control];
  try {
    const cloud = await logIn(cloudsYamlFile);
    return [control, ...(await lookAtHosts(cloud)), ...(await lookAtAgents(cloud)), ...(await lookAtGuests(cloud))];
  } catch (error) {
    const next = {
      en: `the log is in ${path}/log; pileus doctor looks at the machine`,
      zh: `日志在 ${path}/log；pileus doctor 检查本机`,
    };
    return [control, { what: 'APIs', state: errorText(error), next }];
  }
}

interface Hypervisor {
  readonly hypervisor_hostname: string;
  readonly state: string;
  readonly status: string;
  readonly hypervisor_type: string;
}

async function lookAtHosts(cloud: CloudClient): Promise<Line[]> {
  const { hypervisors } = await cloud.get<{ hypervisors: Hypervisor[] }>('compute', '/os-hypervisors/detail');
  if (hypervisors.length === 0) {
    return [
      {
        what: 'hosts',
        state: 'none yet',
        next: { en: 'the agent has not reported; see the agent log', zh: '代理尚未报告；请看代理日志' },
      },
    ];
  }
  return hypervisors.map(({ hypervisor_hostname: name, state, status: admin, hypervisor_type: type }) => ({
    what: `host ${name}`,
    state: `${state}, ${admin}, ${type}`,
    ...(state === 'up'
      ? {}
      : { next: { en: `start the agent on ${name}: ./pileus up`, zh: `在 ${name} 上启动代理：./pileus up` } }),
  }));
}

interface NetworkAgent {
  readonly agent_type: string;
  readonly host: string;
  readonly alive: boolean;
}

async function lookAtAgents(cloud: CloudClient): Promise<Line[]> {
  const { agents } = await cloud.get<{ agents: NetworkAgent[] }>('network', '/v2.0/agents');
  return agents.map(({ agent_type: type, host, alive }) => ({
    what: type,
    state: `${alive ? 'alive' : 'silent'} on ${host}`,
    ...(alive
      ? {}
      : { next: { en: `start the agent on ${host}: ./pileus up`, zh: `在 ${host} 上启动代理：./pileus up` } }),
  }));
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
    { what: 'guests', state: counts.length === 0 ? 'none' : counts.join(', ') },
    ...broken.map(({ id, name, fault }) => ({
      what: `guest ${name}`,
      state: fault?.message ?? 'ERROR',
      next: {
        en: `openstack server show ${id} says more; openstack server delete ${id} clears it`,
        zh: `openstack server show ${id} 查看详情；openstack server delete ${id} 清除`,
      },
    })),
  ];
}
