import type { Command } from 'commander';
import { words } from './language.ts';

/** Adds `pileus test`, which checks and tests a source tree. */
export function registerTestCommand(program: Command): void {
  program
    .command('test')
    .description(
      words({
        en: 'check and test this source tree, from the quickest to the slowest',
        zh: '检查并测试此源码树，从最快的到最慢的',
      }),
    )
    .argument(
      '[stages...]',
      words({
        en:
          'fast, unit, mariadb, integration (root), e2e (root), conformance; all when none is named. After conformance: a service, ' +
          'a list (powered-platform, powered-compute, powered-object-storage, smoke, not-yet, a file) or a regular expression',
        zh:
          'fast、unit、mariadb、integration（root）、e2e（root）、conformance；不指定则全部运行。conformance 之后可跟：一个服务、' +
          '一个列表（powered-platform、powered-compute、powered-object-storage、smoke、not-yet 或文件）或一个正则表达式',
      }),
    )
    .option(
      '--fast',
      words({ en: 'only what needs no real host: fast and unit', zh: '只运行不需要真实主机的部分：fast 和 unit' }),
    )
    .option(
      '--real',
      words({
        en: 'conformance with guests of this machine (root) instead of fake hosts',
        zh: 'conformance 使用本机的真实虚拟机（需要 root）而不是模拟主机',
      }),
    )
    .action(async (names: string[], options: { fast?: true; real?: true }) => {
      const { runStages, chooseStages } = await import('./test/run.ts');
      const chosen = options.fast === true ? ['fast', 'unit', ...names] : names;
      const isGreen = await runStages(chooseStages(chosen, options.real === true ? ['--real'] : []));
      if (!isGreen) process.exitCode = 1;
    });
}
