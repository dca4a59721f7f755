/**
 * Builds the tiny guest image: a bootable qcow2 of 18 MB with Debian's cloud kernel and busybox, which does DHCP and
 * SLAAC, reads metadata or the config drive, takes SSH keys and user data, and powers off when asked to.
 *
 * Theory of operation. The work is in `assets/guest-image/build.sh`, in three steps, run here one by one so that each has
 * its own deadline and its own line of progress. They work in a folder of their own; only a finished image is renamed to
 * its place, whose name carries the recipe's hash. So an image that is there is whole and current, and building again
 * does nothing; two builds at a time only waste time.
 */
import { createHash, randomUUID } from 'node:crypto';
import { glob, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorText } from '#kernel/errors.ts';
import { type Exec, ExecError } from '#kernel/exec.ts';
import { syncFolder } from '#kernel/files.ts';

/** What the image is called in the image service. */
export const GUEST_IMAGE_NAME = 'pileus-test';

export interface GuestImageOptions {
  /** Where the finished image is kept. */
  readonly outDir: string;
  /** Where downloaded packages are kept for the next build. */
  readonly cacheDir: string;
  readonly exec: Exec;
  /** Told what is being done, one line at a time. */
  readonly progress: (line: string) => void;
}

export interface GuestImage {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The programs that the steps call, and the Debian package that each comes in. */
const TOOLS: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  cpio: 'cpio',
  gzip: 'gzip',
  openssl: 'openssl',
  mcopy: 'mtools',
  'mkfs.fat': 'dosfstools',
  syslinux: 'syslinux syslinux-common',
  mke2fs: 'e2fsprogs',
  sfdisk: 'fdisk',
  modprobe: 'kmod',
  'qemu-img': 'qemu-utils',
};

const TOOL_CHECK_MS = 10_000;

interface Step {
  readonly name: string;
  readonly progress: string;
  /** Five to ten times what a slow machine needs; downloads may be slow. */
  readonly timeoutMs: number;
}

const STEPS: readonly Step[] = [
  { name: 'packages', progress: 'fetching the kernel, busybox and dropbear from Debian', timeoutMs: 600_000 },
  { name: 'initrd', progress: 'making the initial file system', timeoutMs: 120_000 },
  { name: 'disk', progress: 'making the bootable disk', timeoutMs: 120_000 },
];

const ASSETS = fileURLToPath(new URL('./assets/guest-image', import.meta.url));

/** Why the image could not be built, and what to do about it. */
export class GuestImageError extends Error {}

/**
 * Builds the guest image, or finds it already built. Needs no root.
 * @throws {GuestImageError} when a tool or package is missing, or a step fails.
 */
export async function buildGuestImage(options: GuestImageOptions): Promise<GuestImage> {
  const path = join(options.outDir, `${GUEST_IMAGE_NAME}-${await hashRecipe()}.qcow2`);
  const ready = await stat(path).catch(() => undefined);
  if (ready !== undefined) {
    options.progress(`the guest image is there already: ${path}`);
    return { path, sizeBytes: ready.size };
  }
  await requireTools(options.exec);
  await mkdir(options.outDir, { recursive: true });
  await mkdir(options.cacheDir, { recursive: true });
  const workDir = join(options.outDir, `.build-${randomUUID()}`);
  await mkdir(workDir);
  try {
    for (const step of STEPS) await runStep(step, workDir, options);
    await rename(join(workDir, 'disk.qcow2'), path);
    await syncFolder(options.outDir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  const { size } = await stat(path);
  options.progress(`the guest image is ready: ${path}, ${Math.round(size / 1e6)} MB`);
  return { path, sizeBytes: size };
}

/** The same as long as nothing in the recipe changes. Newer Debian packages alone do not make another image. */
async function hashRecipe(): Promise<string> {
  const hash = createHash('sha256');
  const files: string[] = [];
  for await (const entry of glob('**', { cwd: ASSETS, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name));
  }
  for (const file of files.toSorted()) {
    hash
      .update(file.slice(ASSETS.length))
      .update('\0')
      .update(await readFile(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}

async function requireTools(exec: Exec): Promise<void> {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const missing: string[] = [];
  for (const [tool, packages] of Object.entries(TOOLS)) {
    const found = await exec.run({
      argv: ['sh', '-c', 'command -v "$1"', 'sh', tool],
      env: { PATH: path },
      timeoutMs: TOOL_CHECK_MS,
    });
    if (found.exitCode !== 0) missing.push(packages);
  }
  if (missing.length === 0) return;
  throw new GuestImageError(
    `The guest image needs programs that are not installed here; as root, run: apt-get install --no-install-recommends ${missing.join(' ')}`,
  );
}

async function runStep(step: Step, workDir: string, { exec, cacheDir, progress }: GuestImageOptions): Promise<void> {
  progress(step.progress);
  const script = join(ASSETS, 'build.sh');
  try {
    await exec.check({
      argv: ['bash', script, step.name, workDir, ...(step.name === 'packages' ? [cacheDir] : [])],
      timeoutMs: step.timeoutMs,
    });
  } catch (cause) {
    const detail = cause instanceof ExecError && cause.stderr !== '' ? lastLine(cause.stderr) : errorText(cause);
    const next = step.name === 'packages' ? ' Check the network and run "apt-get update" as root.' : '';
    throw new GuestImageError(`The guest image could not be built while ${step.progress}: ${detail}.${next}`, {
      cause,
    });
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.replace(/\.$/, '') ?? '';
}
