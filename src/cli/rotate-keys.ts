import { Argument, type Command } from 'commander';
import type { KeyOptions, RotatedKind } from './rotate-keys/run.ts';

const KINDS: readonly RotatedKind[] = ['tokens', 'credentials'];

/** Adds `pileus rotate-keys`: new keys for tokens or credentials, while the cloud goes on. */
export function registerRotateKeysCommand(program: Command): void {
  program
    .command('rotate-keys')
    .description('new keys for tokens, or for credentials and other secrets in the database, while the cloud goes on')
    .addArgument(new Argument('<kind>').choices(KINDS))
    .option('--data <dir>', 'the cloud (default: /var/lib/pileus for root)')
    .action(async (kind: RotatedKind, options: KeyOptions) => {
      const { rotateKeys } = await import('./rotate-keys/run.ts');
      await rotateKeys(kind, options);
    });
}
