import { accessSync, constants, mkdirSync } from 'node:fs';
import { lchown, opendir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { openDatabase } from '#kernel/db/database.ts';
import { acceptRestoration } from '#kernel/restoration/store.ts';
import type { Manifest } from '../../controller/backup/manifest.ts';
import { restoreBackup } from '../../controller/backup/restore.ts';
import { verifyBackup } from '../../controller/backup/verify.ts';
import { DATABASE_FILE } from '../../controller/controller.ts';
import { type CloudFolder, cloudFolder, readCloudIdentity } from '../cloud-folder.ts';
import { databaseOf } from '../database.ts';
import { words } from '../language.ts';
import { findProcess } from '../process-file.ts';
import { formatSeconds } from '../progress.ts';
import { ensureServiceUser } from '../up/service-user.ts';
import { describe } from './run.ts';

export interface RestoreCommandOptions {
  readonly data?: string;
  readonly check?: true;
  readonly accept?: true;
}

/** Puts a backup back, only checks it, or ends the time after a restore in which nothing unknown is destroyed. */
export async function restore(file: string | undefined, options: RestoreCommandOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  if (options.accept === true) return accept(folder);
  if (file === undefined)
    throw new Error(words({ en: 'which backup? pileus restore FILE', zh: '请指定备份文件：pileus restore FILE' }));
  const startedMs = systemClock.monotonicMs();
  if (options.check === true) {
    const manifest = await verifyBackup(resolve(file));
    say(words({ en: '✓ the backup is whole', zh: '✓ 备份完整' }));
    for (const line of describe(manifest)) say(line);
    return;
  }
  refuseWhileUp(folder);
  accessSync(resolve(file), constants.R_OK); // before a folder is made for it
  mkdirSync(folder.path, { recursive: true, mode: 0o755 });
  const { manifest, before } = await restoreBackup({
    file: resolve(file),
    cloudDir: folder.path,
    controllerDir: folder.controllerDir,
    databaseName: DATABASE_FILE,
    database: databaseOf(folder),
    now: systemClock.now(),
    check: (found) => refuseOtherCloud(folder, found),
  });
  // the controller is not root, and what was made here is root's
  if (process.getuid?.() === 0) await giveAway(folder.controllerDir, ensureServiceUser());
  say(
    words({
      en: `✓ restored in ${formatSeconds(systemClock.monotonicMs() - startedMs)}`,
      zh: `✓ 已恢复，用时 ${formatSeconds(systemClock.monotonicMs() - startedMs)}`,
    }),
  );
  for (const line of describe(manifest)) say(line);
  if (before !== undefined)
    say(words({ en: `  what was there before is in ${before}`, zh: `  原有内容保存在 ${before}` }));
  say(
    words({
      en: [
        '  next: pileus up. Guests and images made after the backup are unknown to it; they are kept, and pileus status names them, until',
        '        pileus restore --accept lets them go.',
      ].join('\n'),
      zh: '  下一步：pileus up。备份之后创建的虚拟机和镜像不在备份中；它们会被保留（见 pileus status），直到执行 pileus restore --accept。',
    }),
  );
}

async function accept(folder: CloudFolder): Promise<void> {
  const db = openDatabase<unknown>(databaseOf(folder));
  try {
    const isAccepted = await acceptRestoration(db, systemClock.now().getTime());
    say(
      isAccepted
        ? words({ en: '✓ what the backup did not know is let go', zh: '✓ 备份中没有的内容将被清除' })
        : words({ en: 'There is no restore to accept.', zh: '没有待确认的恢复。' }),
    );
  } finally {
    await db.destroy();
  }
}

function refuseWhileUp(folder: CloudFolder): void {
  const pid = findProcess(folder.pidFile);
  if (pid === undefined) return;
  throw new Error(
    words({
      en: `the cloud is up (process ${pid}); first: pileus down. Guests go on.`,
      zh: `云正在运行（进程 ${pid}）；请先执行 pileus down，虚拟机会继续运行。`,
    }),
  );
}

/** The guests of a host carry the name of their cloud: another cloud's backup would leave them behind. */
function refuseOtherCloud(folder: CloudFolder, manifest: Manifest): void {
  const there = readCloudIdentity(folder);
  if (there === undefined || there.cloudId === manifest.cloudId) return;
  throw new Error(
    words({
      en: `${folder.path} holds another cloud (${there.cloudId}, the backup is of ${manifest.cloudId}): choose another --data, or remove it first with pileus down --purge`,
      zh: `${folder.path} 中是另一个云（${there.cloudId}，备份来自 ${manifest.cloudId}）：请用 --data 指定其他目录，或先执行 pileus down --purge`,
    }),
  );
}

async function giveAway(path: string, user: { readonly uid: number; readonly gid: number }): Promise<void> {
  await lchown(path, user.uid, user.gid);
  for await (const entry of await opendir(path)) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) await giveAway(below, user);
    else await lchown(below, user.uid, user.gid);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
