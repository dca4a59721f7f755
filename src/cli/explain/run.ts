import { existsSync } from 'node:fs';
import { systemClock } from '#kernel/clock.ts';
import { ApiError, type CloudClient, logIn } from '../api/client.ts';
import { cloudFolder, commandFor } from '../cloud-folder.ts';
import { type Words, words } from '../language.ts';
import { findProcess } from '../process-file.ts';
import { renderExplanation, type ToldResource } from './render.ts';

export interface ExplainOptions {
  readonly data?: string;
  readonly json?: boolean;
}

/** Prints why a resource is as it is. @throws {Error} saying what to do when there is no cloud or no such resource. */
export async function explain(idOrName: string, options: ExplainOptions): Promise<void> {
  const cloud = await reach(options);
  const id = await resolveId(cloud, idOrName);
  const { resource } = await cloud.get<{ resource: ToldResource }>('operations', pathOf(id)).catch(sayAbsent(idOrName));
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(resource, undefined, 2)}\n`
      : renderExplanation(resource, systemClock.now().getTime()),
  );
}

/** Asks to end what is under way, and prints what becomes of it. @throws as {@link explain}. */
export async function end(verb: 'cancel' | 'force', idOrName: string, options: ExplainOptions): Promise<void> {
  const cloud = await reach(options);
  const id = await resolveId(cloud, idOrName);
  const ended = await cloud
    .post<{ outcome: string; message: Words }>('operations', `${pathOf(id)}/${verb}`, {})
    .catch(sayAbsent(idOrName));
  process.stdout.write(`${ended.outcome === 'accepted' ? '✓' : 'i'} ${words(ended.message)}\n`);
}

const pathOf = (id: string): string => `/v1/resources/${encodeURIComponent(id)}`;

/** What is not found is said in words of what was typed. */
function sayAbsent(idOrName: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw new Error(
      words({
        en: `nothing has the id ${idOrName}, and no server, network, image, router or host this name; one that is deleted is found by its id only`,
        zh: `没有 ID 为 ${idOrName} 的资源，也没有服务器、网络、镜像、路由器或主机叫此名称；已删除的只能按 ID 查询`,
      }),
    );
  };
}

/** Logs in to the cloud of a folder. @throws {Error} when it has none, or it does not run. */
export async function reach({ data }: Pick<ExplainOptions, 'data'>): Promise<CloudClient> {
  const folder = cloudFolder(data);
  const start = commandFor(folder.path, 'up');
  if (!existsSync(folder.cloudsYamlFile))
    throw new Error(
      words({ en: `no cloud in ${folder.path}; ${start} starts one`, zh: `${folder.path} 中没有云；用 ${start} 启动` }),
    );
  if (findProcess(folder.pidFile) === undefined)
    throw new Error(words({ en: `the cloud does not run; ${start} starts it`, zh: `云未运行；用 ${start} 启动` }));
  return logIn(folder.cloudsYamlFile);
}

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What a name may be the name of: where it is asked for, and under which key the answer has it. */
const LISTS: readonly (readonly [what: string, service: string, path: (name: string) => string, key: string])[] = [
  [
    'server',
    'compute',
    (name) => `/servers?all_tenants=1&name=${encodeURIComponent(`^${escapeRegExp(name)}$`)}`,
    'servers',
  ],
  ['network', 'network', (name) => `/v2.0/networks?name=${encodeURIComponent(name)}`, 'networks'],
  ['image', 'image', (name) => `/v2/images?name=${encodeURIComponent(name)}`, 'images'],
  ['router', 'network', (name) => `/v2.0/routers?name=${encodeURIComponent(name)}`, 'routers'],
  ['host', 'operations', () => '/v1/hosts', 'hosts'],
];

/** The id that a name stands for; an id stays as it is. @throws {Error} naming the candidates when there are several. */
async function resolveId(cloud: CloudClient, idOrName: string): Promise<string> {
  if (UUID.test(idOrName)) return idOrName;
  const found: { readonly what: string; readonly id: string }[] = [];
  for (const [what, service, path, key] of LISTS) {
    const list = (await cloud.get<Record<string, Named[]>>(service, path(idOrName)))[key] ?? [];
    found.push(...list.filter(({ name }) => name === idOrName).map(({ id }) => ({ what, id })));
  }
  const [first] = found;
  // flavors and the like have ids of any form
  if (first === undefined) return idOrName;
  if (found.length === 1) return first.id;
  const candidates = found.map(({ what, id }) => `  ${what} ${id}`).join('\n');
  throw new Error(
    words({
      en: `several are called ${idOrName}; say which:\n${candidates}`,
      zh: `有多个资源名为 ${idOrName}；请指明：\n${candidates}`,
    }),
  );
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
