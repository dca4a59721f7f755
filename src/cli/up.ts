import type { Command } from 'commander';
import { words } from './language.ts';
import { countUpTo, milliseconds } from './numbers.ts';
import { MAX_FAKE_HOSTS, type UpOptions } from './up/parts.ts';

/** Adds `pileus up`, which starts a cloud on this machine, or finds the one that is there. */
export function registerUpCommand(program: Command): void {
  program
    .command('up')
    .description(words({ en: 'start the cloud of this machine', zh: '启动本机的云' }))
    .option(
      '--fake',
      words({
        en: 'fake hosts: no root, no QEMU, ready in a moment; for developers and CI',
        zh: '使用模拟主机：无需 root 和 QEMU，片刻就绪；供开发和 CI 使用',
      }),
    )
    .option(
      '--data <dir>',
      words({
        en: 'where everything of this cloud is kept (default: /var/lib/pileus for root)',
        zh: '存放这个云全部数据的目录（默认：root 为 /var/lib/pileus）',
      }),
    )
    .option(
      '--listen <address>',
      words({
        en: 'address of the APIs (default: 127.0.0.1 with --fake, otherwise the address of this host)',
        zh: 'API 的监听地址（默认：使用 --fake 时为 127.0.0.1，否则为本机地址）',
      }),
    )
    .option(
      '--public <host>',
      words({
        en: 'name or address that clients know the cloud by (default: that of --listen)',
        zh: '客户端访问云所用的名称或地址（默认：与 --listen 相同）',
      }),
    )
    .option(
      '--database <url>',
      words({
        en: 'keep the cloud in MariaDB: mysql://user@host[,host…]/name?password_file=/path, or mysql://user@localhost/name?socket=/path',
        zh: '把云保存在 MariaDB 中：mysql://user@host[,host…]/name?password_file=/path，或 mysql://user@localhost/name?socket=/path',
      }),
    )
    .option(
      '--detach',
      words({ en: 'return when all is ready; the cloud goes on', zh: '就绪后返回，云在后台继续运行' }),
    )
    .option(
      '--boot-time <ms>',
      words({ en: 'with --fake: how long a guest takes to boot', zh: '与 --fake 同用：虚拟机启动所需的毫秒数' }),
      milliseconds,
      0,
    )
    .option(
      '--hosts <count>',
      words({
        en: `with --fake: how many hosts (at most ${MAX_FAKE_HOSTS})`,
        zh: `与 --fake 同用：主机数量（最多 ${MAX_FAKE_HOSTS}）`,
      }),
      countUpTo(MAX_FAKE_HOSTS),
      1,
    )
    .action(async (options: UpOptions) => {
      const { up } = await import('./up/run.ts');
      await up(options);
    });
}
