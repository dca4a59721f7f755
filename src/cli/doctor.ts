import type { Command } from 'commander';
import type { DoctorOptions } from './doctor/run.ts';

/** Adds `pileus doctor`, which looks at this machine and says what is in the way. */
export function registerDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look at this machine: what is in the way of a cloud, with evidence and fix')
    .option('--data <dir>', 'where the cloud is or would be kept')
    .option('--listen <address>', 'address of the APIs')
    .option('--json', 'findings as JSON')
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor/run.ts');
      await doctor(options);
    });
}
