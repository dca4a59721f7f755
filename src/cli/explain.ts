import type { Command } from 'commander';
import type { OrphansOptions } from './explain/orphans.ts';
import type { ExplainOptions } from './explain/run.ts';

/** Adds `pileus explain`, `pileus cancel`, `pileus force` and `pileus orphans`: why a resource is as it is, and ending what is under way with it. */
export function registerExplainCommands(program: Command): void {
  const withOptions = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .argument('<id>', "a resource's id; of a server, network, image or host also its name")
      .option('--data <dir>', 'the cloud to ask (default: /var/lib/pileus for root)');
  withOptions('explain', 'why a resource is as it is: what it waits for, since when, who takes the next step')
    .option('--json', 'the answer as the API gives it')
    .action(async (id: string, options: ExplainOptions) => {
      const { explain } = await import('./explain/run.ts');
      await explain(id, options);
    });
  program
    .command('orphans')
    .description('what no one owns: leaked ports, claims, files, tasks')
    .option('--clear', 'remove what is listed, after looking at each once more')
    .option('--data <dir>', 'the cloud to ask (default: /var/lib/pileus for root)')
    .action(async (options: OrphansOptions) => {
      const { orphans } = await import('./explain/orphans.ts');
      await orphans(options);
    });
  withOptions('cancel', 'turn back what is under way with a resource').action(
    async (id: string, options: ExplainOptions) => {
      const { end } = await import('./explain/run.ts');
      await end('cancel', id, options);
    },
  );
  withOptions('force', 'end what is under way with a resource now, whoever it waits for').action(
    async (id: string, options: ExplainOptions) => {
      const { end } = await import('./explain/run.ts');
      await end('force', id, options);
    },
  );
}
