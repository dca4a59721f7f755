/** Debian's Tempest, as the runner uses it. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Unit } from './plan.ts';
import type { TestEvent } from './results.ts';

/** The tests are Debian's, for Debian's own python. */
const PYTHON = '/usr/bin/python3';
const TEMPEST = '/usr/lib/python3/dist-packages/tempest';
const FORKS = join(import.meta.dirname, 'tempest_forks.py');
const LIST_DEADLINE_MS = 120_000;

export interface TempestRun {
  readonly events: readonly TestEvent[];
  /** How long each class took, set-up and clean-up included; a class that ran in parts has several. */
  readonly units: readonly { readonly unit: string; readonly tests: number; readonly seconds: number }[];
}

export interface Tempest {
  /** The ids of all tests. */
  list(): string[];
  /** Runs units in their order, as many at a time as keep the machine busy. */
  run(units: readonly Unit[], deadlineMs: number): Promise<TempestRun>;
}

export function isTempestInstalled(): boolean {
  return existsSync(TEMPEST);
}

/** @param work a folder for the configuration, locks and results. @param limits Tempest's and those of `tempest_forks.py`. */
export function openTempest(work: string, conf: string, limits: NodeJS.ProcessEnv): Tempest {
  mkdirSync(join(work, 'etc'), { recursive: true });
  mkdirSync(join(work, 'lock'), { recursive: true });
  writeFileSync(join(work, 'etc/tempest.conf'), conf, { mode: 0o600 });
  const { PYTHONPATH: _, ...inherited } = process.env;
  const env = {
    ...inherited,
    ...limits,
    TEMPEST_CONFIG_DIR: join(work, 'etc'),
    TEMPEST_CONFIG: 'tempest.conf',
    HOME: work,
  };
  return {
    list() {
      const options = { cwd: work, env, encoding: 'utf8', timeout: LIST_DEADLINE_MS } as const;
      const { status, stdout, stderr } = spawnSync(PYTHON, [FORKS, 'list'], options);
      if (status !== 0) throw new Error(`Tempest does not list its tests: ${stderr.slice(-2_000)}`);
      return stdout.split('\n').filter((line) => line.startsWith('tempest.'));
    },
    async run(units, deadlineMs) {
      const plan = join(work, 'plan');
      const results = join(work, 'results.jsonl');
      writeFileSync(plan, units.map(({ ids }) => JSON.stringify(ids)).join('\n'));
      rmSync(results, { force: true });
      writeFileSync(results, '');
      await runForks([FORKS, 'run', plan, results], { cwd: work, env, deadlineMs });
      const lines = readFileSync(results, 'utf8').split('\n').filter(Boolean);
      const parsed = lines.map((line) => JSON.parse(line) as TestEvent | TempestRun['units'][number]);
      return {
        events: parsed.filter((line) => 'id' in line),
        units: parsed.filter((line) => 'unit' in line),
      };
    },
  };
}

interface ForkOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly deadlineMs: number;
}

/** Whatever ends it early leaves tests that never ended, which the report tells. */
async function runForks(argv: readonly string[], { cwd, env, deadlineMs }: ForkOptions): Promise<void> {
  const errors = openSync(join(cwd, 'run.err'), 'a');
  const child = spawn(PYTHON, argv, { cwd, env, stdio: ['ignore', errors, errors] });
  const end = (): void => void child.kill('SIGTERM');
  const timer = setTimeout(end, deadlineMs);
  process.once('SIGTERM', end).once('SIGINT', end);
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  process.off('SIGTERM', end).off('SIGINT', end);
}
