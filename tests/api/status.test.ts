import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logIn } from '../../src/cli/api/client.ts';
import { cloudFolder } from '../../src/cli/cloud-folder.ts';
import { writeCredentials } from '../../src/cli/credentials.ts';
import { type Line, lookAtCloud, renderLines } from '../../src/cli/status/look.ts';
import { ADMIN_PASSWORD, type CloudUnderTest, startCloud } from '../support/cloud.ts';

const NOTICE = {
  code: 'host.disk_low',
  level: 'trouble',
  message: { en: 'only 1 GiB of disk are free', zh: '磁盘仅剩 1 GiB' },
  nextStep: { en: 'delete images', zh: '删除镜像' },
} as const;
const HINT = { ...NOTICE, code: 'host.emulated', level: 'info', message: { en: 'slow', zh: '慢' } } as const;

let cloud: CloudUnderTest;
let folder: string;
beforeAll(async () => {
  cloud = await startCloud({ hosts: 1, host: { notices: () => [NOTICE, HINT] } });
  folder = await mkdtemp(join(tmpdir(), 'pileus-status-'));
  await writeCredentials(cloudFolder(folder), {
    authUrl: cloud.urls['identity'] ?? '',
    region: 'RegionOne',
    username: 'admin',
    password: ADMIN_PASSWORD,
    projectName: 'admin',
  });
});
afterAll(async () => {
  await cloud.stop();
  await rm(folder, { recursive: true, force: true });
});

const look = async (): Promise<Line[]> => lookAtCloud(await logIn(join(folder, 'clouds.yaml')));

/** Writes a task as one that no controller of now knows: it stays as it is. */
function addTask(kind: string, createdAt: number): void {
  const sqlite = new Sqlite(cloud.databaseFile);
  const row = {
    id: crypto.randomUUID(),
    kind,
    resource_id: 'r-1',
    request_id: 'req-1',
    state: 'pending',
    direction: 'forward',
    step: 1,
    input: '{}',
    data: '{}',
    error: JSON.stringify({ code: 'x', message: 'the host is away', step: 'choose host' }),
    is_cancelled: 0,
    attempts: 3,
    next_try_at: createdAt,
    deadline_at: createdAt + 3_600_000,
    lease_until: 0,
    sequence: 1,
    created_at: createdAt,
    updated_at: createdAt,
  };
  const names = Object.keys(row);
  sqlite.prepare(`insert into tasks (${names.join()}) values (${names.map((name) => `@${name}`).join()})`).run(row);
  sqlite.close();
}

describe('pileus status', () => {
  it("shows a host's notices in both languages, each with what to do", async () => {
    const lines = await look();
    const english = renderLines(lines, ({ en }) => en);
    const chinese = renderLines(lines, ({ zh }) => zh);
    expect(english).toMatch(/✗ +on fake-1 +only 1 GiB of disk are free\n +→ delete images\n/);
    expect(english).toMatch(/i +on fake-1 +slow\n/);
    expect(chinese).toMatch(/✗ +fake-1 上 +磁盘仅剩 1 GiB\n +→ 删除镜像\n/);
  });

  it('calls a host well that has only something worth knowing', async () => {
    const wells = (await look()).filter(({ state }) => state.en === 'slow').map(({ isWell }) => isWell);
    expect(wells).toEqual([true]);
  });

  it('shows tasks that take longer than they should, with why and what to do, and no others', async () => {
    expect(renderLines(await look(), ({ en }) => en)).toContain('none is late');
    addTask('test.late', Date.now() - 120_000);
    addTask('test.young', Date.now());
    const english = renderLines(await look(), ({ en }) => en);
    expect(english).toMatch(/✗ tasks +1 late\n/);
    expect(english).toMatch(
      /test\.late +waiting since .*, 3 failed tries: the host is away\n +→ .*deleting r-1 ends it/,
    );
    expect(english).not.toContain('test.young');
  });
});

describe('the operations API', () => {
  const url = (path: string): string => `${cloud.urls['dashboard']}/operations${path}`;

  it('answers administrators only', async () => {
    expect((await fetch(url('/v1/hosts'))).status).toBe(401);
    await cloud.get('identity', 'POST /v3/users', {
      body: { user: { name: 'reader', password: 'a secret of ours', domain_id: 'default' } },
    });
    const users = (await cloud.get('identity', 'GET /v3/users?name=reader')).body.users;
    const roles = (await cloud.get('identity', 'GET /v3/roles?name=reader')).body.roles;
    const projects = (await cloud.get('identity', 'GET /v3/projects?name=admin')).body.projects;
    await cloud.get('identity', `PUT /v3/projects/${projects[0].id}/users/${users[0].id}/roles/${roles[0].id}`);
    const token = await cloud.token({ user: 'reader', password: 'a secret of ours', project: 'admin' });
    for (const path of ['/v1/hosts', '/v1/tasks/late'])
      expect((await fetch(url(path), { headers: { 'x-auth-token': token } })).status).toBe(403);
  });

  it('describes itself in valid OpenAPI, with its answers', async () => {
    const document = (await (await fetch(url('/openapi.json'))).json()) as Record<string, unknown>;
    expect(JSON.stringify(document)).toContain('host.disk_low');
    const { valid } = await new Validator().validate(document);
    expect(valid).toBe(true);
  });
});
