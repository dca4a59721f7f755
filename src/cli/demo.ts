import type { Command } from 'commander';
import type { DemoOptions } from './demo/run.ts';

/** Adds `pileus demo`: a cloud and a first guest, from nothing. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('start a cloud with a first guest that answers ping and SSH; a second run reuses what is there')
    .option('--data <dir>', 'where everything of this cloud is kept (default: /var/lib/pileus)')
    .option('--listen <address>', 'address of the APIs (default: the address of this host)')
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo/run.ts');
      await demo(options);
    });
}
