import { access, constants, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type ProgramResult, runProgram } from './program.ts';
import {
  addTallies,
  countVitest,
  NOTHING,
  ONE_FAILED,
  ONE_PASSED,
  ONE_SKIPPED,
  readProgramTally,
  type Tally,
  type VitestReport,
} from './tally.ts';

/** A part of the whole test, quickest first. */
export interface Stage {
  readonly name: string;
  readonly title: string;
  /** @param args what of it to run, where it can be told. */
  run(root: string, args: readonly string[]): Promise<Tally>;
}

const MINUTE_MS = 60_000;
/** Deadlines: several times what each takes on a slow machine. Beyond them something hangs. */
const CHECK_MS = 5 * MINUTE_MS;
const UNIT_MS = 15 * MINUTE_MS;
const HOSTS_MS = 45 * MINUTE_MS;
const SCRIPT_MS = 60 * MINUTE_MS;
/** Guests of the whole suite in emulation, one or two at a time. */
const REAL_CONFORMANCE_MS = 7 * 60 * MINUTE_MS;

const CHECKS: readonly (readonly [title: string, ...argv: [string, ...string[]]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['format', 'biome', 'check', '.'],
  ['lint', 'oxlint'],
  ['architecture', 'bash', 'tools/arch.sh'],
  ['dead code', 'knip', '--no-progress'],
  ['code that only tests reach', 'knip', '--no-progress', '--production', '--include', 'files,dependencies'],
  ['generated files', 'node', 'tools/generate.ts', '--check'],
  ['lock file', 'node', 'tools/lock.ts', '--check'],
];

export const STAGES: readonly Stage[] = [
  { name: 'fast', title: 'fast checks', run: runChecks },
  { name: 'unit', title: 'unit tests', run: runUnitTests },
  { name: 'mariadb', title: 'unit tests on MariaDB', run: runOnMariadb },
  { name: 'integration', title: 'integration on real hosts', run: runHosts },
  { name: 'e2e', title: 'end to end', run: (root) => runScripts(root, 'tests/e2e') },
  { name: 'conformance', title: 'conformance', run: runConformance },
];

async function runChecks(root: string): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const [title, ...argv] of CHECKS) {
    const startMs = performance.now();
    const result = await runProgram({ argv, root, timeoutMs: CHECK_MS, isShown: false });
    const isGood = result.exitCode === 0;
    console.log(`  ${isGood ? 'ok  ' : 'FAIL'} ${title} (${seconds(startMs)})`);
    if (!isGood) console.log(result.output);
    tallies.push(isGood ? ONE_PASSED : ONE_FAILED);
  }
  return addTallies(tallies);
}

/**
 * Vitest, and then two looks at what it left: whether the operations that the documents call tested were seen to work, and
 * whether a statement that was run reads a large table as a whole.
 */
async function runUnitTests(root: string): Promise<Tally> {
  for (const notes of ['operations', 'statements'])
    await rm(join(root, '.pileus/test', notes), { recursive: true, force: true });
  const tests = await runVitest(root, ['unit', 'crash'], UNIT_MS);
  const tallies = [tests];
  for (const tool of ['tools/api-coverage.ts', 'tools/query-plans.ts']) {
    const argv = [process.execPath, tool, '--verify'] as const;
    const { exitCode } = await runProgram({ argv, root, timeoutMs: CHECK_MS, isShown: true });
    tallies.push(exitCode === 0 ? ONE_PASSED : ONE_FAILED);
  }
  return addTallies(tallies);
}

/** Debian's place for it, which ordinary users' PATH lacks. */
const MARIADBD = '/usr/sbin/mariadbd';

async function runOnMariadb(root: string): Promise<Tally> {
  const isThere = await access(MARIADBD, constants.X_OK).then(
    () => true,
    () => false,
  );
  // a cluster counts seconds, and wants the machine to itself
  if (isThere)
    return addTallies([await runVitest(root, ['mariadb'], UNIT_MS), await runVitest(root, ['galera'], UNIT_MS)]);
  console.log(
    '  skipped: MariaDB is missing; as root: apt-get update && apt-get install --no-install-recommends mariadb-server-core mariadb-client-core galera-4',
  );
  return ONE_SKIPPED;
}

async function runVitest(root: string, projects: readonly string[], timeoutMs: number): Promise<Tally> {
  const folder = join(root, '.pileus/test');
  const report = join(folder, `${projects.join('-')}.json`);
  await mkdir(folder, { recursive: true });
  await rm(report, { force: true });
  const { exitCode } = await runProgram({
    argv: [
      'vitest',
      'run',
      '--passWithNoTests',
      ...projects.flatMap((project) => ['--project', project]),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    root,
    timeoutMs,
    isShown: true,
  });
  return countVitest(await readReport(report), exitCode);
}

async function readReport(path: string): Promise<VitestReport | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as VitestReport;
  } catch {
    return undefined; // vitest died before it wrote one, which its exit code tells
  }
}

function runHosts(root: string): Promise<Tally> {
  return process.geteuid?.() === 0 ? runVitest(root, ['hosts'], HOSTS_MS) : skipWithoutRoot();
}

async function skipWithoutRoot(): Promise<Tally> {
  console.log('  skipped: real hosts need root');
  return ONE_SKIPPED;
}

/** OpenStack's own test suite; it needs root only for real guests, and says itself when it cannot run here. */
async function runConformance(root: string, args: readonly string[]): Promise<Tally> {
  const argv = [process.execPath, 'tests/conformance/run.ts', ...args] as const;
  const timeoutMs = args.includes('--real') ? REAL_CONFORMANCE_MS : SCRIPT_MS;
  const result = await runProgram({ argv, root, timeoutMs, isShown: true });
  return readProgramTally(result.output, result.exitCode);
}

/**
 * Runs every executable file of a folder, in the order of their names; `.ts` files with this Node.
 * Each says how it went by its exit code (0, 77 for "not on this machine", else failed), and may count its tests in its
 * last line, in the same words as `pileus test`.
 */
async function runScripts(root: string, folder: string): Promise<Tally> {
  const scripts = await listScripts(join(root, folder));
  if (scripts.length === 0) {
    console.log(`  nothing in ${folder}`);
    return NOTHING;
  }
  if (process.geteuid?.() !== 0) return skipWithoutRoot();
  const tallies: Tally[] = [];
  for (const script of scripts) {
    console.log(`  ${script}`);
    const startMs = performance.now();
    const result = await runScript(root, join(folder, script));
    const tally = readProgramTally(result.output, result.exitCode);
    console.log(
      `  ${script}: ${tally.failed === 0 ? 'ok' : `FAILED with exit code ${result.exitCode}`} (${seconds(startMs)})`,
    );
    tallies.push(tally);
  }
  return addTallies(tallies);
}

function runScript(root: string, script: string): Promise<ProgramResult> {
  const argv: [string, ...string[]] = extname(script) === '.ts' ? [process.execPath, script] : [`./${script}`];
  return runProgram({ argv, root, timeoutMs: SCRIPT_MS, isShown: true });
}

async function listScripts(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const isExecutable = await Promise.all(
    files.map((file) =>
      access(join(folder, file), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return files.filter((_, index) => isExecutable[index]).toSorted();
}

/** Time since `startMs`, such as `4.2 s`. */
export function seconds(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
