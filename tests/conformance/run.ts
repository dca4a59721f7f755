#!/usr/bin/env node
/**
 * Runs OpenStack's own test suite against a cloud of its own, with fake hosts.
 *
 *   tests/conformance/run.ts [identity|image|compute|network|powered|smoke|<regular expression>]...
 *
 * Everything not in `not-yet.txt` must pass; what is in it and passes must leave it. Skips count only for the reasons of
 * `allowed-skips.txt`. The last line counts. Exit code 77 where Tempest is not installed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { logIn } from '../../src/cli/api/client.ts';
import { configure } from './lib/configure.ts';
import {
  baseName,
  collectResults,
  failedRequest,
  judge,
  parseList,
  renderTable,
  type TestEvent,
  type TestResult,
} from './lib/results.ts';

const HERE = import.meta.dirname;
const ROOT = dirname(dirname(HERE));
const PYTHON = '/usr/bin/python3';
const TEMPEST = '/usr/lib/python3/dist-packages/tempest';
/** The services that exist so far: tests of others are not selected, and their rows say so in docs/api-coverage.md. */
const SERVICES = ['identity', 'image', 'compute', 'network'] as const;
/** The suite sleeps more than it works: ten seconds after each subnet that it deletes. */
const WORKERS_PER_CORE = 3;
/** More unexpected failures than this are no chance. */
const MAX_TRIED_AGAIN = 12;
const RUN_DEADLINE_MS = 50 * 60_000;
const UP_DEADLINE_MS = 60_000;
/** How many fake hosts: moves between hosts want two. */
const HOSTS = 2;

const selectors = process.argv.slice(2);
if (!existsSync(TEMPEST)) {
  console.log('Tempest is not installed (apt-get install tempest python3-tempest)');
  process.exit(77);
}
const work = mkdtempSync(join(tmpdir(), 'pileus-conformance-'));
process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  const cloud = startCloud();
  try {
    await cloud.ready;
    const client = await logIn(join(work, 'cloud/clouds.yaml'));
    const workspace = join(work, 'workspace');
    prepareWorkspace(workspace, await configure(client, join(work, 'cloud/clouds.yaml'), work));
    const selected = select(listTests(workspace));
    console.log(`${selected.length} tests, ${workers()} workers; work folder ${work}`);
    const first = collectResults(selected, await runTests(workspace, selected, workers()));
    return report(await tryAgain(workspace, selected, first));
  } finally {
    await cloud.stop();
    if (process.env['KEEP'] === undefined && process.exitCode === 0) rmSync(work, { recursive: true, force: true });
  }
}

interface RunningCloud {
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** A cloud with fake hosts on a loopback address of its own, so that another one on this machine is not in the way. */
function startCloud(): RunningCloud {
  const address = `127.${10 + (process.pid % 200)}.${(process.pid >> 8) % 250}.${1 + (process.pid % 250)}`;
  const data = join(work, 'cloud');
  writeConfig(join(data, 'config'));
  const log = openSync(join(work, 'cloud.log'), 'a');
  const entry = existsSync(join(ROOT, 'dist/pileus.mjs')) ? 'dist/pileus.mjs' : 'src/main.ts';
  const argv = [join(ROOT, entry), 'up', '--fake', '--hosts', String(HOSTS), '--data', data, '--listen', address];
  const child: ChildProcess = spawn(process.execPath, argv, { stdio: ['ignore', log, log, 'ipc'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the cloud is not ready after ${UP_DEADLINE_MS / 1000} s; see ${work}/cloud.log`)),
      UP_DEADLINE_MS,
    );
    child.once('exit', () => reject(new Error(`the cloud did not start; see ${work}/cloud.log`)));
    child.on('message', (message: { isReady?: true }) => {
      if (message.isReady !== true) return;
      clearTimeout(timer);
      resolve();
    });
  });
  return {
    ready,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The security-compliance features that the suite's bar wants: lockout after 2 failures for 5 s, 2 remembered passwords. */
function writeConfig(configDir: string): void {
  mkdirSync(configDir, { recursive: true });
  const identity = { lockout_failure_attempts: 2, lockout_duration_ms: 5_000, unique_last_password_count: 2 };
  const image = { show_locations: true };
  writeFileSync(join(configDir, 'pileus.yaml'), JSON.stringify({ identity, image }));
}

function prepareWorkspace(workspace: string, conf: string): void {
  mkdirSync(join(workspace, 'etc'), { recursive: true });
  mkdirSync(join(work, 'lock'), { recursive: true });
  writeFileSync(join(workspace, 'etc/tempest.conf'), conf, { mode: 0o600 });
  writeFileSync(
    join(workspace, '.stestr.conf'),
    `[DEFAULT]\ntest_path=${TEMPEST}/test_discover\ntop_dir=${dirname(TEMPEST)}\ngroup_regex=([^\\.]*\\.)*\n`,
  );
}

function stestr(workspace: string, ...args: string[]): string {
  const options = {
    cwd: workspace,
    env: environment(workspace),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  } as const;
  const result = spawnSync('/usr/bin/stestr', args, options);
  if (result.status !== 0) throw new Error(`stestr ${args.join(' ')} failed: ${result.stderr.slice(-2_000)}`);
  return result.stdout;
}

function environment(workspace: string): NodeJS.ProcessEnv {
  const { PYTHONPATH: _, ...inherited } = process.env;
  return {
    ...inherited,
    PYTHON,
    TEMPEST_CONFIG_DIR: join(workspace, 'etc'),
    TEMPEST_CONFIG: 'tempest.conf',
    HOME: work,
  };
}

function listTests(workspace: string): string[] {
  stestr(workspace, 'init');
  return stestr(workspace, 'list')
    .split('\n')
    .filter((line) => line.startsWith('tempest.'));
}

/** The tests that the arguments name: services, lists of `lists/`, or regular expressions; everything without arguments. */
function select(ids: readonly string[]): string[] {
  const dead = parseList(readFileSync(join(HERE, 'lists/dead-in-zed.txt'), 'utf8'));
  const ours = ids.filter(
    (id) => !dead.has(baseName(id)) && SERVICES.some((service) => id.startsWith(`tempest.api.${service}.`)),
  );
  if (selectors.length === 0) return ours;
  return ours.filter((id) => selectors.some((selector) => matches(id, selector)));
}

function matches(id: string, selector: string): boolean {
  const list = join(HERE, 'lists', `${selector}.txt`);
  if (existsSync(list)) return parseList(readFileSync(list, 'utf8')).has(baseName(id));
  if (selector === 'smoke') return /[[,]smoke[\],]/.test(id);
  if ((SERVICES as readonly string[]).includes(selector)) return id.startsWith(`tempest.api.${selector}.`);
  return new RegExp(selector).test(id);
}

function workers(): number {
  return WORKERS_PER_CORE * cpus().length;
}

/**
 * A few failures that nobody expects are tried again, alone: what passes then is told by name as unsteady, because it is a
 * fault of ours or of the test all the same.
 */
async function tryAgain(
  workspace: string,
  selected: readonly string[],
  results: readonly TestResult[],
): Promise<TestResult[]> {
  const notYet = parseList(readFileSync(join(HERE, 'not-yet.txt'), 'utf8'));
  const doubtful = new Set(judge(results, notYet, []).regressions.map(({ name }) => name));
  if (doubtful.size === 0 || doubtful.size > MAX_TRIED_AGAIN) return [...results];
  const ids = selected.filter((id) => doubtful.has(baseName(id)));
  const again = new Map(collectResults(ids, await runTests(workspace, ids, 1)).map((result) => [result.name, result]));
  for (const { name, outcome } of again.values())
    if (outcome === 'passed') console.log(`  UNSTEADY, passed when tried again: ${name}`);
  return results.map((result) => again.get(result.name) ?? result);
}

async function runTests(workspace: string, selected: readonly string[], concurrency: number): Promise<TestEvent[]> {
  writeFileSync(join(work, 'selected'), selected.join('\n'));
  const stream = join(work, 'run.subunit');
  const output = openSync(stream, 'w');
  const errors = openSync(join(work, 'run.err'), 'w');
  const argv = ['run', '--subunit', '--load-list', join(work, 'selected'), '--concurrency', String(concurrency)];
  const child = spawn('/usr/bin/stestr', argv, {
    cwd: workspace,
    env: environment(workspace),
    stdio: ['ignore', output, errors],
    detached: true,
  });
  const end = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGTERM'));
  const timer = setTimeout(end, RUN_DEADLINE_MS);
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  const parsed = spawnSync(PYTHON, [join(HERE, 'lib/subunit_to_json.py'), stream], {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
  });
  if (parsed.status !== 0) console.log(`the stream of results ended badly: ${parsed.stderr.slice(-500)}`);
  return parsed.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TestEvent);
}

function report(results: readonly TestResult[]): boolean {
  writeFileSync(join(work, 'results.json'), JSON.stringify(results, null, 1));
  console.log(renderTable(results));
  const skips = Map.groupBy(
    results.filter(({ outcome }) => outcome === 'skipped'),
    ({ why }) => why.trim().slice(0, 110),
  );
  for (const [why, list] of skips) console.log(`  skipped ${String(list.length).padStart(4)}  ${why}`);
  const notYet = parseList(readFileSync(join(HERE, 'not-yet.txt'), 'utf8'));
  const allowedSkips = [...parseLines(readFileSync(join(HERE, 'allowed-skips.txt'), 'utf8'))];
  const verdict = judge(results, notYet, allowedSkips);
  for (const result of verdict.regressions) {
    const last = result.why.trim().split('\n').at(-1)?.slice(0, 240);
    console.log(`  FAILED ${result.name}\n         ${failedRequest(result) ?? ''}\n         ${last ?? ''}`);
  }
  for (const { name } of verdict.mended) console.log(`  PASSES NOW, take it out of not-yet.txt: ${name}`);
  for (const { name, why } of verdict.vanished)
    console.log(`  SKIPPED for a reason nobody allowed: ${name}: ${why.trim().slice(0, 160)}`);
  for (const name of verdict.unexplained) console.log(`  in not-yet.txt without a reason: ${name}`);
  const bad = verdict.regressions.length + verdict.mended.length + verdict.vanished.length + verdict.unexplained.length;
  const passed = results.filter(({ outcome }) => outcome === 'passed').length;
  const left = results.length - passed - verdict.regressions.length - verdict.vanished.length;
  if (bad > 0) console.log(`  results: ${work}/results.json  requests: ${work}/tempest.log`);
  console.log(`${passed - verdict.mended.length} passed, ${bad} failed, ${Math.max(0, left)} skipped`);
  return bad === 0;
}

function parseLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
