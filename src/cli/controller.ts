import type { Command } from 'commander';

/** Adds the hidden `pileus controller`: the control plane as a child of `pileus up`, without privileges. */
export function registerControllerCommand(program: Command): void {
  program
    .command('controller', { hidden: true })
    .description('the control plane; pileus up starts it')
    .action(async () => {
      const { runControllerProcess } = await import('./controller/run.ts');
      await runControllerProcess();
    });
}
