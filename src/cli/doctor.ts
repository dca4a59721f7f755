import type { Command } from 'commander';
import type { DoctorOptions } from './doctor/run.ts';
import { words } from './language.ts';

/** Adds `pileus doctor`, which looks at this machine and says what is in the way. */
export function registerDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      words({
        en: 'look at this machine: what is in the way of a cloud, with evidence and fix',
        zh: '检查本机：有什么妨碍云的运行，附依据和解决办法',
      }),
    )
    .option('--data <dir>', words({ en: 'where the cloud is or would be kept', zh: '云所在或将要存放的目录' }))
    .option('--listen <address>', words({ en: 'address of the APIs', zh: 'API 的监听地址' }))
    .option('--json', words({ en: 'findings as JSON', zh: '以 JSON 输出检查结果' }))
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor/run.ts');
      await doctor(options);
    });
}
