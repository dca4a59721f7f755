import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const isRoot = process.geteuid?.() === 0;
const RUN_MS = 30_000;
const NOBODY_UID = 65_534;

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A tree that the real bootstrap can build, in a folder with a space, and a machine whose package manager is a script. */
describe('the bootstrap', () => {
  let folder: string;
  let tree: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pileus bootstrap '));
    tree = join(folder, 'tree');
    for (const file of ['pileus', 'package.json', 'package-lock.json', 'tools/build.ts']) {
      await cp(join(repository, file), join(tree, file));
    }
    await symlink(join(repository, 'node_modules'), join(tree, 'node_modules'));
    await writeInto('tree/src/kernel/exec-helper-main.ts', '');
    await writeInto('tree/src/main.ts', 'console.log("ran", ...process.argv.slice(2)); export {};');
    await writeInto('tree/src/cli/assets/greeting.txt', 'hello');
    await writeInto('installed', '');
    await writeProgram('dpkg-query', `sed 's/^/ii /' '${join(folder, 'installed')}'`);
    await writeProgram('apt-get', `echo "$@" >> '${join(folder, 'apt.log')}'`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function writeInto(path: string, text: string): Promise<void> {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }

  async function writeProgram(name: string, script: string): Promise<void> {
    await writeInto(`bin/${name}`, `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, 'bin', name), 0o755);
  }

  function pileus(args: readonly string[], env: Readonly<Record<string, string>> = {}, uid?: number): Promise<Run> {
    const path = `${join(folder, 'bin')}:/usr/bin:/bin`;
    return new Promise((resolve) => {
      execFile(
        join(tree, 'pileus'),
        args,
        {
          cwd: '/',
          timeout: RUN_MS,
          ...(uid === undefined ? {} : { uid }),
          env: { PATH: path, PILEUS_NODE: process.execPath, LANG: 'C.UTF-8', ...env },
        },
        (error, stdout, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  async function aptCalls(): Promise<readonly string[]> {
    const log = await readFile(join(folder, 'apt.log'), 'utf8').catch(() => '');
    return log.split('\n').filter((line) => line !== '');
  }

  it('builds once, then only runs', async () => {
    const first = await pileus(['status', 'a b']);
    expect(first).toEqual({ exitCode: 0, stdout: 'ran status a b\n', stderr: 'pileus: building.\n' });
    expect(await pileus(['status'])).toEqual({ exitCode: 0, stdout: 'ran status\n', stderr: '' });
  });

  it('builds again when a source is newer, and when one is gone', async () => {
    await pileus(['status']);
    const later = new Date(Date.now() + 1000);
    await utimes(join(tree, 'src/main.ts'), later, later);
    expect((await pileus(['status'])).stderr).toBe('pileus: building.\n');
    await utimes(join(tree, 'src/main.ts'), new Date(0), new Date(0));
    await pileus(['status']);
    await rm(join(tree, 'src/cli'), { recursive: true });
    expect((await pileus(['status'])).stderr).toBe('pileus: building.\n');
  });

  it('copies assets beside the bundle', async () => {
    await pileus(['status']);
    expect(await readFile(join(tree, 'dist/assets/greeting.txt'), 'utf8')).toBe('hello');
  });

  it('speaks Chinese where LANG does', async () => {
    expect((await pileus(['status'], { LANG: 'zh_CN.UTF-8' })).stderr).toBe('pileus: 正在构建。\n');
  });

  it('says what is wrong when the build fails, and runs nothing', async () => {
    await writeInto('tree/src/main.ts', 'this is no TypeScript');
    const run = await pileus(['status']);
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('pileus: the build failed.');
  });

  it('begins anew where an installation of npm packages was interrupted, and then only brings up to date', async () => {
    await rm(join(tree, 'node_modules'));
    await writeInto('tree/node_modules/half/package.json', '{}');
    await symlink(process.execPath, join(folder, 'bin/node'));
    const all = join(folder, 'tree/node_modules');
    await writeProgram(
      'npm',
      `echo "$1" >> '${join(folder, 'npm.log')}'; rm -rf '${all}'; mkdir '${all}'; ln -s '${join(repository, 'node_modules')}'/* '${all}'`,
    );
    const ownNode = { PILEUS_NODE: join(folder, 'bin/node') };
    expect((await pileus(['status'], ownNode)).stdout).toBe('ran status\n');
    await writeInto('tree/package-lock.json', '{}');
    expect((await pileus(['status'], ownNode)).exitCode).toBe(0);
    expect(await readFile(join(folder, 'npm.log'), 'utf8')).toBe('ci\ninstall\n');
  });

  it.each([['up', '--fake'], ['status'], ['test', 'fast'], ['demo', '--help']])(
    'asks for no Debian package for %s %s',
    async (...args) => {
      expect((await pileus(args)).exitCode).toBe(0);
      expect(await aptCalls()).toEqual([]);
    },
  );

  it.runIf(isRoot).each([['up'], ['demo'], ['test'], ['test', 'unit', 'integration']])(
    'as root installs what is missing, and only that, for %s %s',
    async (...args) => {
      await writeInto('installed', 'qemu-utils\n');
      expect((await pileus(args)).exitCode).toBe(0);
      const install = (await aptCalls()).at(-1) ?? '';
      expect(install).toMatch(/^-q -y --no-install-recommends .* install .*qemu-system-x86/);
      expect(install).not.toContain('qemu-utils');
    },
  );

  it.runIf(isRoot).each([['--fast'], ['unit'], ['fast', 'unit']])(
    'as root installs what unit tests make disks and key pairs with, and nothing of a host, for test %s %s',
    async (...stages) => {
      expect((await pileus(['test', ...stages])).exitCode).toBe(0);
      expect((await aptCalls()).at(-1)).toMatch(/ install qemu-utils openssh-client mount$/);
    },
  );

  it.runIf(isRoot)('as root installs the database for its tests, and nothing of a host', async () => {
    expect((await pileus(['test', 'mariadb'])).exitCode).toBe(0);
    expect((await aptCalls()).at(-1)).toMatch(
      / install qemu-utils openssh-client mount mariadb-server-core mariadb-client-core galera-4$/,
    );
  });

  it.runIf(isRoot)('tries apt-get once more with fresh lists, then gives up with exit code 1', async () => {
    await writeProgram('apt-get', `echo "$@" >> '${join(folder, 'apt.log')}'; exit 100`);
    expect(await pileus(['up'])).toMatchObject({ exitCode: 1, stdout: '' });
    expect((await aptCalls()).at(-1)).toMatch(/ update$/);
  });

  it('without root says the command that installs what is missing', async () => {
    await pileus(['status']);
    await chmod(folder, 0o755);
    const run = await pileus(['up'], {}, isRoot ? NOBODY_UID : undefined);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('As root: apt-get update && apt-get install --no-install-recommends qemu-system-x86');
    expect(await aptCalls()).toEqual([]);
  });

  it('tells who may not write to an unprepared tree what to do', async () => {
    await chmod(folder, 0o755);
    await chmod(tree, isRoot ? 0o755 : 0o555);
    const run = await pileus(['status'], {}, isRoot ? NOBODY_UID : undefined);
    await chmod(tree, 0o755);
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('this tree has to be prepared');
  });
});
