/** Which database a cloud is kept in: `--database`, else what `pileus.yaml` says, else what it was started with, else its folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseOptions } from '#kernel/db/database.ts';
import { parseMysqlUrl, redactUrl } from '#kernel/db/mysql/address.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import { DATABASE_FILE } from '../controller/controller.ts';
import type { CloudFolder } from './cloud-folder.ts';
import { readConfigFile } from './config-file.ts';
import { words } from './language.ts';

/** The sections of `pileus.yaml` that others read. */
const OTHER_SECTIONS = ['host', 'identity', 'image'];

/**
 * The database of the cloud in a folder.
 * @param option what `--database` says.
 * @throws {Error} for an address that is none, or that shows a password to everybody on this machine.
 */
export function databaseOf(
  folder: CloudFolder,
  option?: string,
  durability: 'full' | 'normal' = 'full',
): DatabaseOptions {
  if (option !== undefined && redactUrl(option) !== option) {
    throw new Error(
      words({
        en: 'everybody on this machine can read a command line: put the password into a file and say mysql://user@host/database?password_file=/path, or put the address into config/pileus.yaml (database: {url: …})',
        zh: '本机的任何人都能看到命令行：请把密码写入文件并使用 mysql://user@host/database?password_file=/path，或把地址写入 config/pileus.yaml（database: {url: …}）',
      }),
    );
  }
  const url = option ?? configuredUrl(folder) ?? rememberedUrl(folder);
  if (url === undefined) return { kind: 'sqlite', file: join(folder.controllerDir, DATABASE_FILE), durability };
  return { kind: 'mysql', ...parseMysqlUrl(url) };
}

/** Keeps what `--database` said, so that other commands, and the next start, find the cloud. */
export async function rememberDatabase(folder: CloudFolder, option: string | undefined): Promise<void> {
  if (option !== undefined) await writeFileAtomic(rememberedFile(folder), `${option}\n`);
}

/** Whether there is a database to open: a server's is taken to be there. */
export function isDatabaseThere(database: DatabaseOptions): boolean {
  return database.kind === 'mysql' || existsSync(database.file);
}

function configuredUrl(folder: CloudFolder): string | undefined {
  const { database } = readConfigFile(folder.configDir, { database: { url: '' } }, OTHER_SECTIONS);
  const url = database?.['url'];
  return typeof url === 'string' && url !== '' ? url : undefined;
}

function rememberedUrl(folder: CloudFolder): string | undefined {
  const file = rememberedFile(folder);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function rememberedFile(folder: CloudFolder): string {
  return join(folder.path, 'database');
}
