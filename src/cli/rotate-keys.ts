import { Argument, type Command } from 'commander';
import { words } from './language.ts';
import type { KeyOptions, RotatedKind } from './rotate-keys/run.ts';

const KINDS: readonly RotatedKind[] = ['tokens', 'credentials'];

/** Adds `pileus rotate-keys`: new keys for tokens or credentials, while the cloud goes on. */
export function registerRotateKeysCommand(program: Command): void {
  program
    .command('rotate-keys')
    .description(
      words({
        en: 'new keys for tokens, or for credentials and other secrets in the database, while the cloud goes on',
        zh: '为令牌，或为数据库中的凭据等机密更换密钥，云照常运行',
      }),
    )
    .addArgument(new Argument('<kind>').choices(KINDS))
    .option(
      '--data <dir>',
      words({ en: 'the cloud (default: /var/lib/pileus for root)', zh: '云的目录（默认：root 为 /var/lib/pileus）' }),
    )
    .action(async (kind: RotatedKind, options: KeyOptions) => {
      const { rotateKeys } = await import('./rotate-keys/run.ts');
      await rotateKeys(kind, options);
    });
}
