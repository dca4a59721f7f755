import type { Command } from 'commander';
import type { DemoOptions } from './demo/run.ts';
import { words } from './language.ts';

/** Adds `pileus demo`: a cloud and a first guest, from nothing. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      words({
        en: 'start a cloud with a first guest that answers ping and SSH; a second run reuses what is there',
        zh: '启动一个云和第一台可以 ping 通、可以 SSH 登录的虚拟机；再次运行会沿用已有的内容',
      }),
    )
    .option(
      '--data <dir>',
      words({
        en: 'where everything of this cloud is kept (default: /var/lib/pileus)',
        zh: '存放这个云全部数据的目录（默认：/var/lib/pileus）',
      }),
    )
    .option(
      '--listen <address>',
      words({ en: 'address of the APIs (default: the address of this host)', zh: 'API 的监听地址（默认：本机地址）' }),
    )
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo/run.ts');
      await demo(options);
    });
}
