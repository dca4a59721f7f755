import type { Command } from 'commander';
import { words } from './language.ts';
import { wholeNumber } from './numbers.ts';
import type { SimulateOptions } from './simulate/options.ts';

/** Adds `pileus simulate`: how fast and how large one controller can be, with hosts that only pretend. */
export function registerSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description(
      words({
        en: 'fill a cloud of fake hosts through the APIs and measure it: rates, latencies, memory',
        zh: '用模拟主机建立一个云，通过 API 填满它并测量：速率、延迟、内存',
      }),
    )
    .option('--hosts <count>', words({ en: 'how many fake hosts', zh: '模拟主机的数量' }), wholeNumber, 100)
    .option(
      '--servers <count>',
      words({ en: 'how many servers in the end', zh: '最终的云服务器数量' }),
      wholeNumber,
      1_000,
    )
    .option(
      '--projects <count>',
      words({
        en: 'how many projects share them, each with its own network and default security group (default: one for 50 servers)',
        zh: '由多少个项目分担，每个项目有自己的网络和默认安全组（默认：每 50 台云服务器一个）',
      }),
      wholeNumber,
    )
    .option('--at-once <count>', words({ en: 'requests under way at once', zh: '同时进行的请求数' }), wholeNumber, 16)
    .option(
      '--data <dir>',
      words({
        en: 'keep the cloud here (default: a folder that goes at the end)',
        zh: '云的数据目录（默认：结束后删除的临时目录）',
      }),
    )
    .option(
      '--listen <address>',
      words({
        en: 'address of the APIs (default: a free one of 127.0.0.0/8)',
        zh: 'API 的监听地址（默认：127.0.0.0/8 中的空闲地址）',
      }),
    )
    .option(
      '--fill-only',
      words({ en: 'only fill the cloud, and leave out the calls one by one', zh: '只填充云，不逐个测量调用' }),
    )
    .option('--json', words({ en: 'print the figures as JSON', zh: '以 JSON 输出测量结果' }))
    .action(async (options: SimulateOptions) => {
      const { simulate } = await import('./simulate/run.ts');
      await simulate(options);
    });
  program
    .command('simulate-hosts', { hidden: true })
    .description('the fake hosts; pileus simulate starts them')
    .action(async () => {
      const { runHostsProcess } = await import('./simulate/hosts-process.ts');
      await runHostsProcess();
    });
}
