#!/usr/bin/env node
/**
 * Does to a real cloud what happens to real ones, and looks whether it becomes what it was: processes killed and hung, networks
 * taken apart by hand, a full disk, a wrong clock, a power cut. Needs root, QEMU and libvirt.
 *
 *   tests/e2e/30-chaos.ts                          the short ones, and one drawn
 *   CHAOS_MINUTES=10 tests/e2e/30-chaos.ts         whatever is drawn, for ten minutes
 *   CALAMITY='disk|clock' tests/e2e/30-chaos.ts    those whose name matches, once each
 *   CHAOS_ALL=1 tests/e2e/30-chaos.ts              every one, once each
 *
 * The seed is printed: SEED=7 draws the same again.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { seededRandom } from '../../src/kernel/random.ts';
import { seedOfTheCommit } from '../support/commit-seed.ts';
import { CALAMITIES, type Calamity } from './chaos/calamities.ts';
import { type Cloud, sleep, startCloud, watchPing } from './chaos/cloud.ts';
import { createMachine } from './chaos/machine.ts';

/** A guest that answers all the time is silent no longer than this; emulated, on a machine that does much else meanwhile. */
const SILENCE_MS = 8_000;
/** An emulated guest's boot. */
const FIRST_PING_MS = 240_000;
const BUILD_MS = 180_000;
/** The blow falls somewhere in a build. */
const MAX_DELAY_MS = 2_500;

const seed = Number(process.env['SEED'] ?? seedOfTheCommit());
const random = seededRandom(seed);
let passed = 0;
let failed = 0;

function check(name: string, problem: string | undefined): void {
  if (problem === undefined) passed++;
  else failed++;
  console.log(`    ${problem === undefined ? 'ok  ' : 'FAIL'}  ${name}${problem === undefined ? '' : `: ${problem}`}`);
}

/** Resolves with what went wrong, if anything. */
async function attempt(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Waits until the cloud looks as before. @throws with what differs at the deadline. */
async function untilAsBefore(cloud: Cloud, before: readonly string[], ms: number): Promise<void> {
  const end = performance.now() + ms;
  for (;;) {
    let difference: string;
    try {
      const now = await cloud.look();
      difference = [
        ...subtract(before, now).map((line) => `missing ${line}`),
        ...subtract(now, before).map((line) => `too much ${line}`),
      ].join('; ');
      if (difference === '') return;
    } catch (error) {
      difference = String(error);
    }
    if (performance.now() > end) throw new Error(`after ${ms / 1000} s: ${difference}`);
    await sleep(1_000);
  }
}

/** The lines of one that the other has not, each as often as it is there. */
function subtract(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

async function suffer(cloud: Cloud, calamity: Calamity, before: readonly string[]): Promise<void> {
  console.log(`  ${calamity.name}`);
  const startMs = performance.now();
  const watch = calamity.keeper === 'answers' ? watchPing(cloud) : undefined;
  const visitor = calamity.isBusy === undefined ? undefined : await cloud.build('visitor');
  await sleep(random.below(MAX_DELAY_MS));
  check('it is gone through', await attempt(() => calamity.strike(cloud, random)));
  if (visitor !== undefined) {
    const isBuilt = cloud.until(visitor, 'a guest under way', (server) => server?.status === 'ACTIVE', BUILD_MS);
    check('the guest under way is ACTIVE', await attempt(() => isBuilt));
    const away = async (): Promise<void> => {
      await cloud.patiently((api) => api.delete('compute', `/servers/${visitor}`));
      await cloud.until(visitor, 'its deletion', (server) => server === undefined, BUILD_MS);
    };
    check('and can be deleted', await attempt(away));
  }
  check('everything is as before', await attempt(() => untilAsBefore(cloud, before, calamity.settleMs)));
  if (watch !== undefined) {
    const silentMs = watch.stop();
    check(
      `the guest answered all the time (${silentMs} ms of silence)`,
      silentMs > SILENCE_MS ? 'too long' : undefined,
    );
  }
  check('the guest answers', await attempt(() => cloud.untilPing(calamity.settleMs)));
  console.log(`    ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

/** What befalls this cloud. */
function* draw(hasClock: boolean): Generator<Calamity> {
  const all = CALAMITIES.filter(({ name }) => hasClock || !name.includes('clock'));
  const { CHAOS_MINUTES: minutes, CALAMITY: wanted, CHAOS_ALL: isAll } = process.env;
  if (wanted !== undefined) return yield* all.filter(({ name }) => new RegExp(wanted).test(name));
  if (isAll !== undefined) return yield* all;
  if (minutes === undefined) {
    yield* all.filter(({ isShort }) => isShort);
    yield pick(all.filter(({ isShort, settleMs }) => isShort === undefined && settleMs <= 90_000));
    return;
  }
  const endMs = performance.now() + Number(minutes) * 60_000;
  while (performance.now() < endMs) yield pick(all);
}

function pick<T>(from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

/** What SQLite itself says of the database, or undefined when all is well. */
function findCorruption(cloud: Cloud): string | undefined {
  const copy = join(cloud.machine.disk, 'copy');
  const folder = join(cloud.machine.disk, 'cloud/controller');
  cpSync(folder, copy, { recursive: true, filter: (name) => name === folder || name.includes('.sqlite') });
  const database = new DatabaseSync(join(copy, 'pileus.sqlite'));
  const said = Object.values(database.prepare('PRAGMA integrity_check').get() ?? {}).join();
  database.close();
  return said === 'ok' ? undefined : said;
}

console.log(`  SEED=${seed}`);
const machine = createMachine();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void machine.remove().finally(() => process.exit(1)));
try {
  await machine.boot();
  const cloud = await startCloud(machine);
  await cloud.untilPing(FIRST_PING_MS);
  let before = await cloud.look();
  for (const calamity of draw(machine.hasClock)) {
    const failedBefore = failed;
    await suffer(cloud, calamity, before);
    // One wound is told once.
    if (failed > failedBefore) {
      await cloud.patiently(async () => {
        before = await cloud.look();
      });
    }
  }
  check('the database is whole', findCorruption(cloud));
} catch (error) {
  check('the laboratory itself', error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  if (failed > 0 && process.env['CHAOS_LOGS'] !== undefined)
    cpSync(join(machine.disk, 'cloud'), process.env['CHAOS_LOGS'], {
      recursive: true,
      filter: (name) => !/guests|images|libvirt|\.sock|run$/.test(name),
    });
  await machine.remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
