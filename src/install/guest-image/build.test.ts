import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exec, ExecRequest } from '#kernel/exec.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { buildGuestImage } from './build.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pileus-guest-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The image has been built here in CI's image step; elsewhere the packages may be out of reach. */
const canBuild = ((): boolean => {
  try {
    execFileSync('sh', ['-c', 'command -v syslinux mcopy sfdisk && apt-cache show linux-image-cloud-amd64'], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    return true;
  } catch {
    return false;
  }
})();

function options(exec: Exec, progress: (line: string) => void = () => undefined) {
  return { outDir: join(directory, 'images'), cacheDir: join(directory, 'cache'), exec, progress };
}

/** Passes commands on, and counts those that make something. */
function counting(exec: Exec): Exec & { readonly steps: ExecRequest[] } {
  const steps: ExecRequest[] = [];
  return {
    ...exec,
    steps,
    check: (request, signal) => {
      steps.push(request);
      return exec.check(request, signal);
    },
  };
}

describe('building the guest image', () => {
  it('names the packages to install when programs are missing', async () => {
    const exec: Exec = { ...createDirectExec(), run: async () => ({ exitCode: 127, stdout: '', stderr: '' }) };
    await expect(buildGuestImage(options(exec))).rejects.toThrow(/apt-get install .*mtools.*qemu-utils/);
    await expect(readdir(directory)).resolves.toEqual([]);
  });

  it('leaves nothing behind when a step fails, and says what failed', async () => {
    const direct = createDirectExec();
    const exec: Exec = {
      ...direct,
      run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
      check: () => direct.check({ argv: ['sh', '-c', 'echo "the mirror is away" >&2; exit 9'] }),
    };
    await expect(buildGuestImage(options(exec))).rejects.toThrow(/fetching the kernel.*the mirror is away/);
    await expect(readdir(join(directory, 'images'))).resolves.toEqual([]);
  });

  it.skipIf(!canBuild)('makes a bootable qcow2, and nothing the second time', { timeout: 180_000 }, async () => {
    const exec = counting(createDirectExec());
    const lines: string[] = [];
    const image = await buildGuestImage(options(exec, (line) => lines.push(line)));
    const info = JSON.parse(
      execFileSync('qemu-img', ['info', '-f', 'qcow2', '--output=json', image.path], { encoding: 'utf8' }),
    ) as Record<string, unknown>;
    expect(info['virtual-size']).toBe(33 * 1024 * 1024);
    expect(image.sizeBytes).toBeLessThan(25_000_000);
    expect([exec.steps.length, lines.length]).toEqual([3, 4]);
    expect(await buildGuestImage(options(exec))).toEqual(image);
    expect(exec.steps.length).toBe(3);
  });
});
