import type { Command } from 'commander';
import type { OrphansOptions } from './explain/orphans.ts';
import type { ExplainOptions } from './explain/run.ts';
import { words } from './language.ts';

/** Adds `pileus explain`, `pileus cancel`, `pileus force` and `pileus orphans`: why a resource is as it is, and ending what is under way with it. */
export function registerExplainCommands(program: Command): void {
  const data = words({
    en: 'the cloud to ask (default: /var/lib/pileus for root)',
    zh: '要查询的云的目录（默认：root 为 /var/lib/pileus）',
  });
  const withId = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .argument(
        '<id>',
        words({
          en: "a resource's id; of a server, network, image, router or host also its name",
          zh: '资源的 ID；服务器、网络、镜像、路由器和主机也可用名称',
        }),
      )
      .option('--data <dir>', data);
  withId(
    'explain',
    words({
      en: 'why a resource is as it is: what it waits for, since when, who takes the next step',
      zh: '说明资源为何处于当前状态：在等待什么、始于何时、下一步由谁执行',
    }),
  )
    .option('--json', words({ en: 'the answer as the API gives it', zh: '按 API 原样输出' }))
    .action(async (id: string, options: ExplainOptions) => {
      const { explain } = await import('./explain/run.ts');
      await explain(id, options);
    });
  withId('cancel', words({ en: 'turn back what is under way with a resource', zh: '撤回资源正在进行的操作' })).action(
    async (id: string, options: ExplainOptions) => {
      const { end } = await import('./explain/run.ts');
      await end('cancel', id, options);
    },
  );
  withId(
    'force',
    words({
      en: 'end what is under way with a resource now, whoever it waits for',
      zh: '立即结束资源正在进行的操作，不再等待任何一方',
    }),
  ).action(async (id: string, options: ExplainOptions) => {
    const { end } = await import('./explain/run.ts');
    await end('force', id, options);
  });
  program
    .command('orphans')
    .description(
      words({
        en: 'what no one owns: leaked ports, claims, files, tasks',
        zh: '无归属之物：遗留的端口、资源占用、文件、任务',
      }),
    )
    .option(
      '--clear',
      words({ en: 'remove what is listed, after looking at each once more', zh: '逐一复查后清除所列各项' }),
    )
    .option('--data <dir>', data)
    .action(async (options: OrphansOptions) => {
      const { orphans } = await import('./explain/orphans.ts');
      await orphans(options);
    });
}
