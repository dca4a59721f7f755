import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DatabaseOptions, type Db, openDatabase } from '#kernel/db/database.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import { newCloudKey } from '../../controller/shared-state/seal.ts';
import { hasSharedCloud, shareCloud } from '../../controller/shared-state/shared-cloud.ts';
import { type SharedStateTables, sharedStateMigrations } from '../../controller/shared-state/tables.ts';
import { type CloudFolder, type CloudIdentity, writeCloudIdentity } from '../cloud-folder.ts';

type Identity = CloudIdentity & { readonly adminPassword: string };

/** What opens the secrets that the controllers of one database share; copied from the first controller's folder by the operator. */
export function cloudKeyFile(folder: CloudFolder): string {
  return join(folder.path, 'cloud-key');
}

/**
 * Makes this folder one of the cloud that the database belongs to, or gives the database to this folder's cloud.
 * @returns who this machine is then, and the key of what controllers share.
 * @throws {Error} when the database belongs to a cloud whose key is not here.
 */
export async function joinSharedCloud(
  folder: CloudFolder,
  database: DatabaseOptions,
  own: Identity,
): Promise<{ readonly identity: Identity; readonly cloudKey: string }> {
  const db = openDatabase<SharedStateTables>(database);
  try {
    await migrateUp(db as Db, sharedStateMigrations);
    const file = cloudKeyFile(folder);
    if (!existsSync(file)) {
      if (await hasSharedCloud(db)) throw foreign(folder);
      await writeFileAtomic(file, `${newCloudKey()}\n`);
    }
    const cloudKey = readFileSync(file, 'utf8').trim();
    const shared = await shareCloud(db, cloudKey, { cloudId: own.cloudId, adminPassword: own.adminPassword }).catch(
      (error: unknown) => {
        throw error instanceof Error && error.message.includes('authenticate') ? foreign(folder) : error;
      },
    );
    const identity: Identity = { ...own, ...shared };
    await writeCloudIdentity(folder, identity);
    return { identity, cloudKey };
  } finally {
    await db.destroy();
  }
}

function foreign(folder: CloudFolder): Error {
  return new Error(
    `the database belongs to a cloud that has another controller; copy the file cloud-key from that one's folder to ${cloudKeyFile(folder)} (mode 0600) and start again`,
  );
}
