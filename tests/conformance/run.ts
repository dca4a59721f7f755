#!/usr/bin/env node
/**
 * Runs OpenStack's own test suite against a cloud of its own.
 *
 *   tests/conformance/run.ts [--real] [--record] [SELECTOR]...
 *
 * A selector is a service, a list (`powered-platform`, `"OpenStack Powered Compute"`, `smoke`, `not-yet`, a file of names) or a
 * regular expression; without one everything runs. Hosts are fake, or with `--real` this machine's libvirt (root).
 *
 * Everything not in `not-yet.txt` must pass; what is in it and passes must leave it. Skips count only for the reasons of
 * `allowed-skips.txt`, and never for what an interop program requires. A whole run must also see every operation work that is
 * on its kept list. `--record` renews that list and how long classes take. The last line counts. Exit code 77 where Tempest is
 * not installed. `KEEP=1` keeps the work folder.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { logIn } from '../../src/cli/api/client.ts';
import { startCloud } from './lib/cloud.ts';
import { configure } from './lib/configure.ts';
import { fakeGuest, realGuest } from './lib/guest.ts';
import { serveImage } from './lib/image-server.ts';
import { POWERED, readAllowedSkips, readNames, requiredTests, selectTests } from './lib/lists.ts';
import { parseSeconds, planUnits } from './lib/plan.ts';
import { drawPrograms, drawReport } from './lib/report.ts';
import { type Bar, baseName, collectResults, judge, type TestResult } from './lib/results.ts';
import { isTempestInstalled, openTempest, type Tempest, type TempestRun } from './lib/tempest.ts';

const SECONDS = join(import.meta.dirname, 'class-seconds.txt');
const OPERATIONS = join(import.meta.dirname, '../api/reference/conformance-operations.txt');
/** More unexpected failures than this are no chance. */
const MAX_TRIED_AGAIN = 12;
/** A whole run takes minutes with fake hosts; real guests boot in emulation. */
const FAKE_DEADLINE_MS = 40 * 60_000;
const REAL_DEADLINE_MS = 6 * 3_600_000;
const FAKE_BUILD_S = 60;
const REAL_BUILD_S = 300;
/** One test with all that it waits for, in seconds; Tempest's own waits end earlier. */
const FAKE_LIMITS = { OS_TEST_TIMEOUT: '300' };
/** Real guests are few at a time: an emulated one takes a processor for itself. */
const REAL_LIMITS = { OS_TEST_TIMEOUT: '1800', UNIT_SECONDS: '7200', FORKS_PER_CORE: '1', MAX_FORKS_PER_CORE: '1' };
/** A class as short as the runner's guess need not be on the kept list. */
const KEPT_FROM_S = 15;

const { values: options, positionals: selectors } = parseArgs({
  options: { real: { type: 'boolean', default: false }, record: { type: 'boolean', default: false } },
  allowPositionals: true,
});
if (!isTempestInstalled()) {
  console.log('Tempest is not installed (apt-get install --no-install-recommends tempest python3-tempest)');
  process.exit(77);
}
const work = mkdtempSync(join(tmpdir(), 'pileus-conformance-'));
// A real cloud keeps its own users' folders below.
if (options.real) chmodSync(work, 0o711);
process.exitCode = (await main()) ? 0 : 1;
if (process.exitCode === 0 && process.env['KEEP'] === undefined) rmSync(work, { recursive: true, force: true });

async function main(): Promise<boolean> {
  const address = loopbackAddress();
  const image = await serveImage(address);
  const cloud = await startCloud({ isReal: options.real, work, address, imagePort: image.port });
  let run: TempestRun;
  let selected: string[];
  try {
    const conf = await configure({
      cloud: await logIn(cloud.cloudsYamlFile),
      cloudsYamlFile: cloud.cloudsYamlFile,
      workDir: work,
      imageUrl: image.url,
      guest: options.real ? await realGuest() : fakeGuest(),
      buildTimeoutS: options.real ? REAL_BUILD_S : FAKE_BUILD_S,
    });
    const tempest = openTempest(work, conf, options.real ? REAL_LIMITS : FAKE_LIMITS);
    selected = selectTests(tempest.list(), selectors);
    console.log(`${selected.length} tests; work folder ${work}`);
    run = await runTests(tempest, selected);
  } finally {
    await cloud.stop();
    image.stop();
  }
  const results = collectResults(selected, run.events);
  // What was ended early says nothing of what works and how long it takes.
  const isWhole = selectors.length === 0 && !options.real && results.every(({ outcome }) => outcome !== 'not run');
  const lost = isWhole ? checkOperations(cloud.operationsDir) : [];
  if (isWhole && options.record) recordSeconds(run);
  return report(results, lost);
}

/** A loopback address of its own, so that another cloud on this machine is not in the way. */
function loopbackAddress(): string {
  return `127.${10 + (process.pid % 200)}.${(process.pid >> 8) % 250}.${1 + (process.pid % 250)}`;
}

/**
 * A few failures that nobody expects are tried again, alone: what passes then is told by name as unsteady, because it is a
 * fault of ours or of the test all the same.
 */
async function runTests(tempest: Tempest, selected: readonly string[]): Promise<TempestRun> {
  const deadlineMs = options.real ? REAL_DEADLINE_MS : FAKE_DEADLINE_MS;
  const startMs = performance.now();
  const first = await tempest.run(planUnits(selected, parseSeconds(readFileSync(SECONDS, 'utf8'))), deadlineMs);
  console.log(`ran in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  const doubtful = new Set(judge(collectResults(selected, first.events), bar()).regressions.map(({ name }) => name));
  const ids = selected.filter((id) => doubtful.has(baseName(id)));
  if (ids.length === 0 || ids.length > MAX_TRIED_AGAIN) return first;
  const again = await tempest.run(planUnits(ids, new Map()), deadlineMs);
  for (const { name, outcome } of collectResults(ids, again.events))
    if (outcome === 'passed') console.log(`  UNSTEADY, passed when tried again: ${name}`);
  const replaced = new Set(again.events.map(({ id }) => id));
  return { events: [...first.events.filter(({ id }) => !replaced.has(id)), ...again.events], units: first.units };
}

/** Real guests pass and skip other tests than fake ones, for whom the lists are kept: there only failures count. */
function bar(): Bar {
  if (options.real) return { notYet: readNames('not-yet'), allowedSkips: [''], required: new Set() };
  return { notYet: readNames('not-yet'), allowedSkips: readAllowedSkips(), required: requiredTests() };
}

/** @returns the operations on the kept list that this run did not see work. */
function checkOperations(folder: string): string[] {
  const seen = new Set(readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n')));
  if (options.record) {
    const head =
      '# Operations that a whole conformance run has seen answer below 400. Written by: tests/conformance/run.ts --record';
    writeFileSync(OPERATIONS, `${[head, ...[...seen].toSorted()].join('\n')}\n`);
  }
  const kept = readFileSync(OPERATIONS, 'utf8').split('\n');
  return kept.filter((line) => line !== '' && !line.startsWith('#') && !seen.has(line));
}

function recordSeconds({ units }: TempestRun): void {
  const classes = [...Map.groupBy(units, ({ unit }) => unit)].map(([name, parts]) => {
    const seconds = parts.reduce((sum, part) => sum + part.seconds, 0);
    return { name, seconds: Math.round(seconds) };
  });
  const kept = classes.filter(({ seconds }) => seconds >= KEPT_FROM_S).toSorted((a, b) => b.seconds - a.seconds);
  const head =
    '# Seconds that classes of tests take, the longest, which begin first. Written by: tests/conformance/run.ts --record';
  writeFileSync(SECONDS, `${[head, ...kept.map(({ name, seconds }) => `${seconds} ${name}`)].join('\n')}\n`);
}

function report(results: readonly TestResult[], lostOperations: readonly string[]): boolean {
  writeFileSync(join(work, 'results.json'), JSON.stringify(results, null, 1), { mode: 0o600 });
  const judged = judge(results, bar());
  const verdict = options.real ? { ...judged, mended: [] } : judged;
  console.log(drawReport(results, verdict));
  const programs = Object.entries(POWERED).filter(
    ([title, list]) => selectors.length === 0 || selectors.includes(list) || selectors.includes(title),
  );
  const lists = programs.map(([title, list]) => [title, new Set(readNames(`lists/${list}`).keys())] as const);
  for (const line of drawPrograms(results, new Map(lists))) console.log(line);
  for (const line of lostOperations) console.log(`  NO LONGER SEEN TO WORK: ${line}`);
  const bad =
    lostOperations.length +
    verdict.regressions.length +
    verdict.mended.length +
    verdict.vanished.length +
    verdict.unexplained.length;
  const passed = results.filter(({ outcome }) => outcome === 'passed').length;
  const left = results.length - passed - verdict.regressions.length - verdict.vanished.length;
  if (bad > 0) console.log(`  results: ${work}/results.json  requests: ${work}/tempest.log`);
  console.log(`${passed - verdict.mended.length} passed, ${bad} failed, ${Math.max(0, left)} skipped`);
  return bad === 0;
}
