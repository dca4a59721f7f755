/**
 * Copies of guests' disks.
 *
 * Theory of operation. A copy is `snapshot-<image id>` in the guest's folder once it is whole; until then it has `.part` behind its
 * name. A disk of a guest that is off is copied by qemu-img. That of one that is up is copied by QEMU itself, as libvirt's push backup: QEMU
 * keeps the content as it was at the beginning while the guest goes on writing, so the copy is as the disk of a machine that lost its
 * power then. The job is QEMU's and outlives the agent: whoever comes next ends it and begins anew. The guest is never paused, and its own
 * disk and chain stay as they are, whatever dies.
 */
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Exec } from '#kernel/exec.ts';
import { syncFolder } from '#kernel/files.ts';
import type { GuestSnapshot } from '#protocol/guests.ts';
import { type ComputeDriver, DriverError, type SnapshotActual } from '../contract.ts';
import type { Connection } from './connection.ts';
import { diskNamed, type GuestFiles } from './disks.ts';
import { getGuest, isUp } from './own-domains.ts';
import type { DomainRef, LibvirtClient } from './rpc/client.ts';
import { ignoringError } from './rpc/errors.ts';
import { backupFlag, errorNumber, jobType } from './rpc/protocol.ts';
import { element, readXml } from './xml.ts';

/** As long as a step may take; the command is killed before it. */
const COPY_MS = 4 * 3600_000;
/** Address space, not time, is bounded: a large disk takes what it takes. */
const QEMU_IMG = ['prlimit', '--as=2147483648', 'qemu-img'] as const;
/** How often a copy under way is looked at. */
const LOOK_MS = 500;

const PREFIX = 'snapshot-';

type SnapshotSteps = Pick<ComputeDriver, 'makeSnapshot' | 'openSnapshot' | 'removeSnapshot'>;

interface SnapshotParts {
  readonly connection: Connection;
  readonly cloudId: string;
  readonly files: GuestFiles;
  readonly exec: Exec;
  readonly clock: Clock;
}

/** Copies that lie in a guest's folder, whole or not. */
export async function listSnapshots(folder: string): Promise<SnapshotActual[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(PREFIX));
  const whole = new Set(names.filter((name) => !name.endsWith('.part')).map((name) => name.slice(PREFIX.length)));
  const ids = new Set(names.map((name) => name.slice(PREFIX.length).replace(/\.part$/, '')));
  return [...ids].map((imageId) => ({ imageId, isWhole: whole.has(imageId) }));
}

/** The part of the driver that copies disks. */
export function createSnapshotSteps(parts: SnapshotParts): SnapshotSteps {
  const { connection, cloudId, files } = parts;
  const fileOf = (guestId: string, imageId: string): string => join(files.folder(guestId), `${PREFIX}${imageId}`);

  return {
    async makeSnapshot(guestId, snapshot, signal) {
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      const disk = await findDisk(client, domain, snapshot, signal);
      const file = fileOf(guestId, snapshot.imageId);
      const part = `${file}.part`;
      const isRunning = await isUp(client, domain);
      if (isRunning) await endBackup(parts, client, domain, signal);
      await rm(part, { force: true });
      await makeOwn(part);
      if (isRunning) await backUp(parts, client, { domain, disk, part }, signal);
      else await convert(parts, disk, part, signal);
      await sync(part);
      await rename(part, file);
      await syncFolder(files.folder(guestId));
    },

    async openSnapshot(guestId, imageId) {
      const stream = createReadStream(fileOf(guestId, imageId));
      await new Promise<void>((resolve, reject) => {
        stream.once('open', () => resolve());
        stream.once('error', (cause) =>
          reject(
            new DriverError('guest.snapshot.missing', `There is no snapshot ${imageId} of guest ${guestId}.`, {
              cause,
            }),
          ),
        );
      });
      return stream;
    },

    async removeSnapshot(guestId, imageId, signal) {
      const file = fileOf(guestId, imageId);
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      const isBegun = (await listSnapshots(files.folder(guestId))).some(
        (one) => one.imageId === imageId && !one.isWhole,
      );
      if (isBegun && (await isUp(client, domain))) await endBackup(parts, client, domain, signal);
      await rm(`${file}.part`, { force: true });
      await rm(file, { force: true });
    },
  };
}

interface CopiedDisk {
  readonly path: string;
  readonly format: string;
  /** As libvirt knows it: `vda`. */
  readonly target: string;
}

async function findDisk(
  client: LibvirtClient,
  domain: DomainRef,
  snapshot: GuestSnapshot,
  signal: AbortSignal,
): Promise<CopiedDisk> {
  const xml = readXml(await client.domainXml(domain, 0, { signal }), 'domain');
  for (const disk of xml.at('devices')?.all('disk') ?? []) {
    const path = disk.at('source')?.attributes['file'];
    const target = disk.at('target')?.attributes['dev'];
    if (path === undefined || target === undefined || basename(path) !== diskNamed(snapshot.disk)) continue;
    return { path, target, format: disk.at('driver')?.attributes['type'] === 'raw' ? 'raw' : 'qcow2' };
  }
  throw new DriverError('guest.disk.missing', `The guest has no disk '${snapshot.disk}'.`);
}

async function convert({ exec }: SnapshotParts, disk: CopiedDisk, part: string, signal: AbortSignal): Promise<void> {
  const argv = [...QEMU_IMG, 'convert', '-q', '-f', disk.format, '-O', 'qcow2', disk.path, part] as const;
  await exec.check({ argv: [...argv], timeoutMs: COPY_MS }, signal);
}

async function backUp(
  parts: SnapshotParts,
  client: LibvirtClient,
  { domain, disk, part }: { readonly domain: DomainRef; readonly disk: CopiedDisk; readonly part: string },
  signal: AbortSignal,
): Promise<void> {
  const { capacityBytes } = await client.blockInfo(domain, disk.target, { signal });
  const size = String(capacityBytes);
  await parts.exec.check({ argv: [...QEMU_IMG, 'create', '-q', '-f', 'qcow2', part, size] }, signal);
  const { xml } = element(
    'domainbackup',
    { mode: 'push' },
    element(
      'disks',
      {},
      element(
        'disk',
        { name: disk.target, backup: 'yes', type: 'file' },
        element('driver', { type: 'qcow2' }),
        element('target', { file: part }),
      ),
    ),
  );
  await client.beginBackup(domain, xml, backupFlag.reuseExternal, { signal });
  while ((await client.jobStats(domain, false, { signal })).type !== jobType.none)
    await parts.clock.sleep(LOOK_MS, signal);
  const { type, stats } = await client.jobStats(domain, true, { signal });
  if (type !== jobType.completed || stats['success'] === false)
    throw new DriverError('guest.snapshot', `QEMU could not copy the disk: ${String(stats['errmsg'] ?? 'no reason')}`);
}

/** Ends what an earlier agent has begun; nothing when nothing is under way. */
async function endBackup(
  parts: SnapshotParts,
  client: LibvirtClient,
  domain: DomainRef,
  signal: AbortSignal,
): Promise<void> {
  if ((await client.jobStats(domain, false, { signal })).type === jobType.none) return;
  await ignoringError(errorNumber.operationInvalid, client.abortJob(domain, { signal }));
  while ((await client.jobStats(domain, false, { signal })).type !== jobType.none)
    await parts.clock.sleep(LOOK_MS, signal);
}

/** Makes the file before `qemu-img` does, which would let everybody read it; libvirt gives it to QEMU's user while QEMU writes. */
async function makeOwn(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
