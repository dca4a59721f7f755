import { Command } from 'commander';
import { registerBackupCommands } from './backup.ts';
import { registerControllerCommand } from './controller.ts';
import { registerDemoCommand } from './demo.ts';
import { registerDoctorCommand } from './doctor.ts';
import { registerDownCommand } from './down.ts';
import { registerExplainCommands } from './explain.ts';
import { explainError } from './explain-error.ts';
import { words } from './language.ts';
import { localizeHelp } from './localize-help.ts';
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
    console.error(`pileus: ${explainError(error)}`);
    if (process.env['PILEUS_DEBUG'] !== undefined) console.error(error);
    process.exitCode = 1;
  }
}

/** Every command registers itself here; what is heavy it imports only when it runs. */
function createProgram(): Command {
  const program = new Command('pileus')
    .description(words({ en: 'A whole OpenStack cloud in one program.', zh: '一个程序就是一整个 OpenStack 云。' }))
    .version(VERSION, '-V, --version', words({ en: 'output the version number', zh: '显示版本号' }))
    .showHelpAfterError(
      words({
        en: '(./pileus --help shows what there is, ./pileus COMMAND --help the options of a command)',
        zh: '（./pileus --help 列出所有命令，./pileus 命令 --help 列出该命令的选项）',
      }),
    )
    .enablePositionalOptions();
  localizeHelp(program);
  registerUpCommand(program);
  registerDownCommand(program);
  registerStatusCommand(program);
  registerExplainCommands(program);
  registerDoctorCommand(program);
  registerDemoCommand(program);
  registerSimulateCommand(program);
  registerRotateKeysCommand(program);
  registerBackupCommands(program);
  registerTestCommand(program);
  registerControllerCommand(program);
  return program;
}
