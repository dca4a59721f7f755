import type { Command } from 'commander';
import type { StatusOptions } from './status/run.ts';

/** Adds `pileus status`: services, hosts, agents and guests, with a next step for all that is not well. */
export function registerStatusCommand(program: Command): void {
  program
    .command('status')
    .description('services, hosts, agents and guests, with a next step for everything that is not well')
    .option('--data <dir>', 'the cloud to look at (default: /var/lib/pileus for root)')
    .action(async (options: StatusOptions) => {
      const { status } = await import('./status/run.ts');
      await status(options);
    });
}
