import type { Command } from 'commander';

/** Adds `pileus test`, which checks and tests a source tree. */
export function registerTestCommand(program: Command): void {
  program
    .command('test')
    .description('check and test this source tree, from the quickest to the slowest')
    .argument(
      '[stages...]',
      'fast, unit, mariadb, integration (root), e2e (root), conformance; all when none is named. After conformance: a service, ' +
        'a list (powered-platform, powered-compute, powered-object-storage, smoke, not-yet, a file) or a regular expression',
    )
    .option('--fast', 'only what needs no real host: fast and unit')
    .option('--real', 'conformance with guests of this machine (root) instead of fake hosts')
    .action(async (names: string[], options: { fast?: true; real?: true }) => {
      const { runStages, chooseStages } = await import('./test/run.ts');
      const chosen = options.fast === true ? ['fast', 'unit', ...names] : names;
      const isGreen = await runStages(chooseStages(chosen, options.real === true ? ['--real'] : []));
      if (!isGreen) process.exitCode = 1;
    });
}
