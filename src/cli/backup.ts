import type { Command } from 'commander';
import type { RestoreCommandOptions } from './backup/restore.ts';
import type { BackupCommandOptions } from './backup/run.ts';

/** Adds `pileus backup` and `pileus restore`. */
export function registerBackupCommands(program: Command): void {
  program
    .command('backup <file>')
    .description('write all that makes the cloud into one file, while it runs, and check it')
    .option('--data <dir>', 'the cloud (default: /var/lib/pileus for root)')
    .option('--without-images', "leave the images' data out")
    .action(async (file: string, options: BackupCommandOptions) => {
      const { backup } = await import('./backup/run.ts');
      await backup(file, options);
    });
  program
    .command('restore [file]')
    .description('put a backup back; the cloud must be down, guests keep running')
    .option('--data <dir>', 'where the cloud is to be (default: /var/lib/pileus for root)')
    .option('--check', 'only look whether the backup is whole')
    .option('--accept', 'after a restore: let go of guests and images that the backup did not know')
    .action(async (file: string | undefined, options: RestoreCommandOptions) => {
      const { restore } = await import('./backup/restore.ts');
      await restore(file, options);
    });
}
