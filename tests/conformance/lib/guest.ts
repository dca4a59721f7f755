/** The disks that the suite's servers boot from. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { buildGuestImage } from '../../../src/install/guest-image/build.ts';
import type { Target } from './configure.ts';

const FAKE_IMAGE_BYTES = 1024 * 1024;

/** Zeros: no fake host looks inside. */
export function fakeGuest(): Target['guest'] {
  return { format: 'raw', bytes: new Uint8Array(FAKE_IMAGE_BYTES), hasAgent: true };
}

/** The small guest of `pileus demo`, built when it is not there yet. */
export async function realGuest(): Promise<Target['guest']> {
  const cache = join(homedir(), '.cache/pileus');
  const { path } = await buildGuestImage({
    outDir: join(cache, 'images'),
    cacheDir: join(cache, 'packages'),
    exec: createDirectExec(),
    progress: (line) => console.log(`  ${line}`),
  });
  return { format: 'qcow2', bytes: await readFile(path), sshUser: 'root', hasAgent: false };
}
