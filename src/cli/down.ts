import type { Command } from 'commander';
import type { DownOptions } from './down/run.ts';

/** Adds `pileus down`, which stops the control plane, and with `--purge` removes all that this cloud has made. */
export function registerDownCommand(program: Command): void {
  program
    .command('down')
    .description('stop the control plane; guests keep running')
    .option('--data <dir>', 'the cloud to stop (default: /var/lib/pileus for root)')
    .option(
      '--purge',
      'also remove every guest, bridge, namespace, table and file that this cloud made, and nothing else',
    )
    .action(async (options: DownOptions) => {
      const { down } = await import('./down/run.ts');
      await down(options);
    });
}
