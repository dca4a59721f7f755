import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exec } from './exec.ts';
import { createDirectExec } from './exec-direct.ts';
import { createExecHelper } from './exec-helper.ts';

describe.each([
  ['direct', createDirectExec],
  ['through the helper', createExecHelper],
] as const)('host commands, %s', (_, create) => {
  let exec: Exec;
  let folder: string;
  beforeEach(async () => {
    exec = create();
    folder = await mkdtemp(join(tmpdir(), 'pileus-exec-'));
  });
  afterEach(async () => {
    await exec.close();
    await rm(folder, { recursive: true });
  });

  it('returns both outputs and the exit code', async () => {
    const result = await exec.run({ argv: ['sh', '-c', 'cat; echo bad >&2; exit 3'], stdin: 'täst' });
    expect(result).toEqual({ exitCode: 3, stdout: 'täst', stderr: 'bad\n' });
  });

  it('passes arguments as they are, without a shell', async () => {
    expect(await exec.check({ argv: ['printf', '%s|', '$HOME', ';ls', "'"] })).toBe("$HOME|;ls|'|");
  });

  it('lays the given environment over its own and speaks C', async () => {
    const out = await exec.check({
      argv: ['sh', '-c', 'echo $LC_ALL $GREETING; pwd'],
      env: { GREETING: 'hi' },
      cwd: folder,
    });
    expect(out).toBe(`C hi\n${folder}\n`);
  });

  it('refuses a failing command with its standard error', async () => {
    await expect(exec.check({ argv: ['sh', '-c', 'echo no room >&2; exit 1'] })).rejects.toMatchObject({
      code: 'exec.failed',
      exitCode: 1,
      message: "'sh' failed with exit code 1: no room",
    });
  });

  it('tells a missing program', async () => {
    await expect(exec.run({ argv: ['/nonexistent/program'] })).rejects.toMatchObject({ code: 'exec.missing' });
  });

  it('kills a command and its children at the deadline', async () => {
    const file = join(folder, 'late');
    const run = exec.run({
      argv: ['sh', '-c', `(sleep 30; touch ${file}) & echo $! > ${folder}/pid; wait`],
      timeoutMs: 300,
    });
    await expect(run).rejects.toMatchObject({ code: 'exec.timeout' });
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    await until(async () => !(await isRunning(pid)));
  });

  it('cuts a command that prints without end', async () => {
    await expect(exec.run({ argv: ['yes'] })).rejects.toMatchObject({ code: 'exec.output' });
  });

  it('kills a command whose signal aborts, and rejects with its reason', async () => {
    const abort = new AbortController();
    const run = exec.run({ argv: ['sh', '-c', `echo $$ > ${folder}/pid; exec sleep 30`] }, abort.signal);
    let pid = 0;
    await until(async () => (pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'))) > 0);
    abort.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    await until(async () => !(await isRunning(pid)));
  });

  it('does not wait for what a command leaves behind', async () => {
    const result = await exec.run({ argv: ['sh', '-c', 'sleep 5 & echo done'] });
    expect(result.stdout).toBe('done\n');
  });

  it('runs many commands side by side', async () => {
    const outs = await Promise.all(Array.from({ length: 60 }, (_, i) => exec.check({ argv: ['echo', String(i)] })));
    expect(outs.map(Number)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('starts a daemon that outlives it and writes to its log', async () => {
    const logFile = join(folder, 'log');
    const pid = await exec.spawnDaemon({ argv: ['sh', '-c', 'echo up; exec sleep 60'], logFile });
    try {
      await until(async () => (await readFile(logFile, 'utf8')) === 'up\n');
      await exec.close();
      expect(await isRunning(pid)).toBe(true);
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('tells a missing daemon program', async () => {
    const start = exec.spawnDaemon({ argv: ['/nonexistent/daemon'], logFile: join(folder, 'log') });
    await expect(start).rejects.toMatchObject({ code: 'exec.missing' });
  });

  it('refuses after close, and ends what still runs', async () => {
    const run = exec.run({ argv: ['sleep', '30'] });
    const ended = expect(run).rejects.toMatchObject({ code: 'exec.closed' });
    await exec.close();
    await ended;
    await expect(exec.run({ argv: ['true'] })).rejects.toMatchObject({ code: 'exec.closed' });
  });
});

describe('the helper', () => {
  it('is started again after it died', async () => {
    const exec = createExecHelper();
    try {
      const first = await exec.check({ argv: ['sh', '-c', 'echo $PPID'] });
      const run = exec.run({ argv: ['sleep', '5'] });
      const failed = expect(run).rejects.toMatchObject({ code: 'exec.closed' });
      process.kill(Number(first), 'SIGKILL');
      await failed;
      expect(await exec.check({ argv: ['sh', '-c', 'echo $PPID'] })).not.toBe(first);
    } finally {
      await exec.close();
    }
  });
});

async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) Z /.test(stat);
}

/** Waits for a condition, at most 5 s. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('the condition did not come true within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
