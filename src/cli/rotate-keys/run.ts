import { existsSync, readFileSync, statSync } from 'node:fs';
import { type Db, openDatabase } from '#kernel/db/database.ts';
import {
  DEFAULT_IDENTITY_CONFIG,
  openIdentityKeys,
  rotateCredentialKeys,
  rotateTokenKeys,
} from '#services/identity/index.ts';
import { sharedKeys } from '../../controller/controller.ts';
import { type CloudFolder, cloudFolder } from '../cloud-folder.ts';
import { databaseOf, isDatabaseThere } from '../database.ts';
import { words } from '../language.ts';
import { controllerConfig } from '../up/config.ts';
import { cloudKeyFile } from '../up/shared-cloud.ts';

export interface KeyOptions {
  readonly data?: string;
}

export type RotatedKind = 'tokens' | 'credentials';

/**
 * Rotates a cloud's keys as the controller's own user, whether the cloud is up or not; controllers see new keys within a minute.
 * @throws {Error} where there is no cloud, or when its keys or database cannot be opened.
 */
export async function rotateKeys(kind: RotatedKind, options: KeyOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const database = databaseOf(folder);
  if (!isDatabaseThere(database) || !existsSync(folder.controllerDir))
    throw new Error(
      words({
        en: `there is no cloud in ${folder.path}; --data names another folder`,
        zh: `${folder.path} 中没有云；用 --data 指定其他目录`,
      }),
    );
  const configured = controllerConfig(folder.configDir).identity?.maxActiveKeys;
  const keyFile = cloudKeyFile(folder);
  const cloudKey = database.kind === 'mysql' && existsSync(keyFile) ? readFileSync(keyFile, 'utf8') : undefined;
  becomeOwnerOf(folder.controllerDir);
  const db = openDatabase(database);
  try {
    const shared = cloudKey === undefined ? undefined : sharedKeys(db as Db, cloudKey, folder.controllerDir);
    await shared?.pull();
    await rotate(kind, db as Db, folder, configured);
    await shared?.push();
  } finally {
    await db.destroy();
  }
}

async function rotate(kind: RotatedKind, db: Db, folder: CloudFolder, configured: number | undefined): Promise<void> {
  const keys = await openIdentityKeys(folder.controllerDir, configured ?? DEFAULT_IDENTITY_CONFIG.maxActiveKeys);
  if (kind === 'tokens') {
    await rotateTokenKeys(keys);
    tell({
      en: 'New tokens get a new key within a minute; tokens that are about stay good.',
      zh: '新令牌将在一分钟内使用新密钥；现有令牌仍然有效。',
    });
    return;
  }
  const count = await rotateCredentialKeys(db as Parameters<typeof rotateCredentialKeys>[0], keys);
  tell({ en: `Secrets sealed with a new key: ${count}.`, zh: `已用新密钥重新加密的机密：${count}。` });
}

/** Files that root makes could not be read by the controller. */
function becomeOwnerOf(path: string): void {
  const { uid, gid } = statSync(path);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

function tell(text: { readonly en: string; readonly zh: string }): void {
  process.stdout.write(`${words(text)}\n`);
}
