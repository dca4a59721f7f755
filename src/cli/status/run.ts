import { existsSync } from 'node:fs';
import { errorText } from '#kernel/errors.ts';
import { logIn } from '../api/client.ts';
import { cloudFolder, commandFor } from '../cloud-folder.ts';
import { findProcess } from '../process-file.ts';
import { type Line, lookAtCloud, renderLines, same } from './look.ts';

export interface StatusOptions {
  readonly data?: string;
}

/** Prints how the cloud is; exit code 1 when something is not well. */
export async function status(options: StatusOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const lines = await look(folder.path, folder.pidFile, folder.cloudsYamlFile);
  process.stdout.write(renderLines(lines));
  if (lines.some(({ isWell }) => !isWell)) process.exitCode = 1;
}

async function look(path: string, pidFile: string, cloudsYamlFile: string): Promise<Line[]> {
  if (!existsSync(cloudsYamlFile)) {
    return [
      {
        what: { en: 'cloud', zh: '云' },
        state: { en: `none in ${path}`, zh: `${path} 中没有` },
        next: { en: `${commandFor(path, 'up')} starts one`, zh: `用 ${commandFor(path, 'up')} 启动` },
        isWell: false,
      },
    ];
  }
  const pid = findProcess(pidFile);
  const what = { en: 'control plane', zh: '控制面' };
  if (pid === undefined) {
    const state = { en: 'not running; guests and their networks go on', zh: '未运行；虚拟机及其网络照常工作' };
    return [{ what, state, next: same(commandFor(path, 'up')), isWell: false }];
  }
  const control: Line = { what, state: { en: `process ${pid}`, zh: `进程 ${pid}` }, isWell: true };
  try {
    return [control, ...(await lookAtCloud(await logIn(cloudsYamlFile)))];
  } catch (error) {
    const next = {
      en: `the log is in ${path}/log; pileus doctor looks at the machine`,
      zh: `日志在 ${path}/log；pileus doctor 检查本机`,
    };
    return [control, { what: same('APIs'), state: same(errorText(error)), next, isWell: false }];
  }
}
