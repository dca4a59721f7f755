import type { Command } from 'commander';
import type { RestoreCommandOptions } from './backup/restore.ts';
import type { BackupCommandOptions } from './backup/run.ts';
import { words } from './language.ts';

/** Adds `pileus backup` and `pileus restore`. */
export function registerBackupCommands(program: Command): void {
  program
    .command('backup <file>')
    .description(
      words({
        en: 'write all that makes the cloud into one file, while it runs, and check it',
        zh: '在云运行时把它的全部内容写入一个文件，并加以核对',
      }),
    )
    .option(
      '--data <dir>',
      words({ en: 'the cloud (default: /var/lib/pileus for root)', zh: '云的目录（默认：root 为 /var/lib/pileus）' }),
    )
    .option('--without-images', words({ en: "leave the images' data out", zh: '不包含镜像的数据' }))
    .action(async (file: string, options: BackupCommandOptions) => {
      const { backup } = await import('./backup/run.ts');
      await backup(file, options);
    });
  program
    .command('restore [file]')
    .description(
      words({
        en: 'put a backup back; the cloud must be down, guests keep running',
        zh: '恢复备份；云必须已停止，虚拟机继续运行',
      }),
    )
    .option(
      '--data <dir>',
      words({
        en: 'where the cloud is to be (default: /var/lib/pileus for root)',
        zh: '云将要存放的目录（默认：root 为 /var/lib/pileus）',
      }),
    )
    .option('--check', words({ en: 'only look whether the backup is whole', zh: '只检查备份是否完整' }))
    .option(
      '--accept',
      words({
        en: 'after a restore: let go of guests and images that the backup did not know',
        zh: '恢复之后：放弃备份中没有的虚拟机和镜像',
      }),
    )
    .action(async (file: string | undefined, options: RestoreCommandOptions) => {
      const { restore } = await import('./backup/restore.ts');
      await restore(file, options);
    });
}
