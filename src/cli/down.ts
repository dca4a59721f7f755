import type { Command } from 'commander';
import type { DownOptions } from './down/run.ts';
import { words } from './language.ts';

/** Adds `pileus down`, which stops the control plane, and with `--purge` removes all that this cloud has made. */
export function registerDownCommand(program: Command): void {
  program
    .command('down')
    .description(words({ en: 'stop the control plane; guests keep running', zh: '停止控制面；虚拟机继续运行' }))
    .option(
      '--data <dir>',
      words({
        en: 'the cloud to stop (default: /var/lib/pileus for root)',
        zh: '要停止的云的目录（默认：root 为 /var/lib/pileus）',
      }),
    )
    .option(
      '--purge',
      words({
        en: 'also remove every guest, bridge, namespace, table and file that this cloud made, and nothing else',
        zh: '并清除这个云创建的所有虚拟机、网桥、命名空间、规则表和文件，不触及其他任何东西',
      }),
    )
    .action(async (options: DownOptions) => {
      const { down } = await import('./down/run.ts');
      await down(options);
    });
}
