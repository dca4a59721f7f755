import { existsSync, rmSync } from 'node:fs';
import { systemClock } from '#kernel/clock.ts';
import { cloudFolder, readCloudIdentity } from '../cloud-folder.ts';
import { words } from '../language.ts';
import { stopProcess } from '../process-file.ts';

export interface DownOptions {
  readonly data?: string;
  readonly purge?: true;
}

/** A step under way may take some seconds to end cleanly. */
const STOP_DEADLINE_MS = 20_000;

/** Stops the cloud of a folder; with `--purge` nothing of it is left on the machine. Repeating it is harmless. */
export async function down(options: DownOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const identity = readCloudIdentity(folder);
  if (identity === undefined) {
    process.stdout.write(`${words({ en: `There is no cloud in ${folder.path}.`, zh: `${folder.path} 中没有云。` })}\n`);
    return;
  }
  const wasUp = await stopProcess(folder.pidFile, systemClock, STOP_DEADLINE_MS);
  process.stdout.write(
    `${wasUp ? words(options.purge === true ? { en: 'Stopped.', zh: '已停止。' } : { en: 'Stopped; guests go on.', zh: '已停止；虚拟机继续运行。' }) : words({ en: 'It was not up.', zh: '它没有在运行。' })}\n`,
  );
  if (options.purge !== true) return;
  if (existsSync(folder.agentDir) && process.getuid?.() === 0) {
    const { purgeCloud } = await import('./purge.ts');
    await purgeCloud(folder, identity);
  }
  rmSync(folder.path, { recursive: true, force: true });
  process.stdout.write(
    `${words({ en: `Everything of it is gone, ${folder.path} too.`, zh: `一切已清除，包括 ${folder.path}。` })}\n`,
  );
}
