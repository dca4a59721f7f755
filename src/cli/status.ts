import type { Command } from 'commander';
import { words } from './language.ts';
import type { StatusOptions } from './status/run.ts';

/** Adds `pileus status`: services, hosts, agents and guests, with a next step for all that is not well. */
export function registerStatusCommand(program: Command): void {
  program
    .command('status')
    .description(
      words({
        en: 'services, hosts, agents and guests, with a next step for everything that is not well',
        zh: '查看服务、主机、代理和虚拟机，并为每个异常给出下一步',
      }),
    )
    .option(
      '--data <dir>',
      words({
        en: 'the cloud to look at (default: /var/lib/pileus for root)',
        zh: '要查看的云的目录（默认：root 为 /var/lib/pileus）',
      }),
    )
    .action(async (options: StatusOptions) => {
      const { status } = await import('./status/run.ts');
      await status(options);
    });
}
