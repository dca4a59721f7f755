import type { Command } from 'commander';

/** Adds `pileus test`, which checks and tests a source tree. */
export function registerTestCommand(program: Command): void {
  program
    .command('test')
    .description('check and test this source tree, from the quickest to the slowest')
    .argument('[stages...]', 'fast, unit, integration (root), e2e (root), conformance; all when none is named')
    .option('--fast', 'only what needs no real host: fast and unit')
    .action(async (names: string[], options: { fast?: true }) => {
      const { runStages, chooseStages } = await import('./test/run.ts');
      const isGreen = await runStages(chooseStages(options.fast === true ? ['fast', 'unit', ...names] : names));
      if (!isGreen) process.exitCode = 1;
    });
}
