import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** libvirt asks QEMU for its capabilities for many seconds the first time: kept between test runs. */
const CACHE = join(tmpdir(), 'pileus-test-libvirt-cache');

/** A folder for a private libvirt, with a path short enough for the sockets in it. */
export async function makeLibvirtFolder(): Promise<string> {
  const folder = await mkdtemp('/tmp/plv-');
  await chmod(folder, 0o755);
  await cp(CACHE, join(folder, 'libvirt/cache/qemu/capabilities'), { recursive: true }).catch(() => undefined);
  return folder;
}

/** Removes the folder, once its daemons are stopped. */
export async function removeLibvirtFolder(folder: string): Promise<void> {
  await cp(join(folder, 'libvirt/cache/qemu/capabilities'), CACHE, { recursive: true }).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
}
