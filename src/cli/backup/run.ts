import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { takeBackup } from '../../controller/backup/backup.ts';
import type { Manifest } from '../../controller/backup/manifest.ts';
import { cloudFolder, readCloudIdentity } from '../cloud-folder.ts';
import { databaseOf, isDatabaseThere } from '../database.ts';
import { words } from '../language.ts';
import { formatSeconds } from '../progress.ts';
import { cloudKeyFile } from '../up/shared-cloud.ts';
import { VERSION } from '../version.ts';

export interface BackupCommandOptions {
  readonly data?: string;
  readonly withoutImages?: true;
}

/** Takes a backup of the cloud in a folder, whether it is up or not, and says what is in it. */
export async function backup(file: string, options: BackupCommandOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const identity = readCloudIdentity(folder);
  const database = databaseOf(folder);
  if (identity === undefined || !isDatabaseThere(database)) {
    throw new Error(
      words({
        en: `there is no cloud in ${folder.path}; --data names another folder`,
        zh: `${folder.path} 中没有云；用 --data 指定其他目录`,
      }),
    );
  }
  const target = resolve(file);
  if (existsSync(target))
    throw new Error(
      words({ en: `${target} is there already; name another file`, zh: `${target} 已存在，请换一个文件名` }),
    );
  const into = dirname(target);
  if (!existsSync(into))
    throw new Error(
      words({
        en: `there is no folder ${into}; first: mkdir -p ${into}`,
        zh: `目录 ${into} 不存在；请先执行 mkdir -p ${into}`,
      }),
    );
  const startedMs = systemClock.monotonicMs();
  const manifest = await takeBackup({
    database,
    cloudId: identity.cloudId,
    program: VERSION,
    takenAt: systemClock.now(),
    controllerDir: folder.controllerDir,
    cloudFiles: {
      'cloud.json': join(folder.path, 'cloud.json'),
      'admin-password': join(folder.path, 'admin-password'),
      'cloud-key': cloudKeyFile(folder),
      config: folder.configDir,
    },
    withImages: options.withoutImages !== true,
    file: target,
  });
  const { size } = await stat(target);
  const took = formatSeconds(systemClock.monotonicMs() - startedMs);
  say(
    words({
      en: `✓ ${target}: ${formatBytes(size)}, written and read back in ${took}`,
      zh: `✓ ${target}：${formatBytes(size)}，已写入并核对，用时 ${took}`,
    }),
  );
  for (const line of describe(manifest)) say(line);
  say(
    words({
      en: '  Whoever has this file has the cloud: it holds its passwords and keys.',
      zh: '  拥有此文件即拥有整个云：其中包含密码和密钥，请妥善保管。',
    }),
  );
}

/** What is in a backup, for people. */
export function describe(manifest: Manifest): string[] {
  const rows = Object.values(manifest.database.tables).reduce((sum, count) => sum + count, 0);
  const { servers = 0, images = 0, networks = 0 } = manifest.database.tables;
  const files = manifest.entries.filter(({ path }) => !path.startsWith('database/')).length;
  return [
    words({
      en: `  taken ${manifest.takenAt} by Pileus ${manifest.program}: ${rows} rows (${servers} servers, ${networks} networks, ${images} images, deleted ones among them), ${files} files`,
      zh: `  由 Pileus ${manifest.program} 于 ${manifest.takenAt} 备份：${rows} 行（含已删除：${servers} 台虚拟机，${networks} 个网络，${images} 个镜像），${files} 个文件`,
    }),
    ...manifest.leftOut.map((what) => words({ en: `  not in it: ${what}`, zh: `  未包含：${what}` })),
  ];
}

function formatBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 2 ** 10)} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
