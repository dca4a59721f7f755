import { Command } from 'commander';
import { errorChain } from '#kernel/errors.ts';
import { registerBackupCommands } from './backup.ts';
import { registerControllerCommand } from './controller.ts';
import { registerDemoCommand } from './demo.ts';
import { registerDoctorCommand } from './doctor.ts';
import { registerDownCommand } from './down.ts';
import { registerRotateKeysCommand } from './rotate-keys.ts';
import { registerSimulateCommand } from './simulate.ts';
import { registerStatusCommand } from './status.ts';
import { registerTestCommand } from './test.ts';
import { registerUpCommand } from './up.ts';
import { VERSION } from './version.ts';

/**
 * Reads the command line and runs what it says; a failure becomes one sentence on standard error and exit code 1.
 * @param argv as in `process.argv`.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever read our output may go away (`pileus up | head`); the cloud goes on.
  process.stdout.on('error', () => undefined);
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    console.error(`pileus: ${errorChain(error)}`);
    if (process.env['PILEUS_DEBUG'] !== undefined) console.error(error);
    process.exitCode = 1;
  }
}

/** Every command registers itself here; what is heavy it imports only when it runs. */
function createProgram(): Command {
  const program = new Command('pileus')
    .description('A whole OpenStack cloud in one program.')
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(pileus --help shows what there is)')
    .enablePositionalOptions();
  registerUpCommand(program);
  registerDownCommand(program);
  registerStatusCommand(program);
  registerDoctorCommand(program);
  registerDemoCommand(program);
  registerSimulateCommand(program);
  registerRotateKeysCommand(program);
  registerBackupCommands(program);
  registerTestCommand(program);
  registerControllerCommand(program);
  return program;
}
