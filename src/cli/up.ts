import type { Command } from 'commander';
import type { UpOptions } from './up/parts.ts';

/** Adds `pileus up`, which starts a cloud on this machine, or finds the one that is there. */
export function registerUpCommand(program: Command): void {
  program
    .command('up')
    .description('start the cloud of this machine')
    .option('--fake', 'fake hosts: no root, no QEMU, ready in a moment; for developers and CI')
    .option('--data <dir>', 'where everything of this cloud is kept (default: /var/lib/pileus for root)')
    .option(
      '--listen <address>',
      'address of the APIs (default: 127.0.0.1 with --fake, otherwise the address of this host)',
    )
    .option('--public <host>', 'name or address that clients know the cloud by (default: that of --listen)')
    .option(
      '--database <url>',
      'keep the cloud in MariaDB: mysql://user@host[,host…]/name?password_file=/path, or mysql://user@localhost/name?socket=/path',
    )
    .option('--detach', 'return when all is ready; the cloud goes on')
    .option('--boot-time <ms>', 'with --fake: how long a guest takes to boot', '0')
    .option('--hosts <count>', 'with --fake: how many hosts', '1')
    .action(async (options: UpOptions) => {
      const { up } = await import('./up/run.ts');
      await up(options);
    });
}
