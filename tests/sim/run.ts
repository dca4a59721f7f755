/**
 * Runs stories of the laboratory: `node tests/sim/run.ts --first 1 --seeds 5 --hours 4`.
 * Each is told by its seed; one that breaks a check is made as short as can be found, and printed.
 */
import { parseArgs } from 'node:util';
import { realMs } from './machine/machine.ts';
import { breed } from './mutants.ts';

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string', default: '4' },
    /** How quiet it is between the bad times: 1 as in CI, less finds more in less. */
    calm: { type: 'string', default: '1' },
    /** Run each twice and compare. */
    twice: { type: 'boolean', default: false },
    /** Seconds given to shortening a story that fails; 0 leaves it as it is. */
    shorten: { type: 'string', default: '60' },
    /** A deliberate mistake to run with, from `mutants.ts`. */
    mutant: { type: 'string' },
    /** Stop at the first seed that fails. */
    bail: { type: 'boolean', default: false },
    /** Print what happens; with `trace`, down to the last statement. */
    verbose: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});

if (values.mutant !== undefined) breed(values.mutant);
const { perform } = await import('./perform.ts');
const { makeStory } = await import('./story.ts');
const { shorten } = await import('./shorten.ts');
const { forgetTemplates } = await import('./world.ts');

const HOUR_MS = 3_600_000;
/** Reasons printed of one check, and characters of one. */
const MAX_REASONS = 6;
const MAX_REASON = 2_000;
const MAX_COMPLAINTS = 12;

const first = Number(values.first);
const hours = Number(values.hours);
const calm = Number(values.calm);

function printBroken(broken: readonly { readonly check: string; readonly why: readonly string[] }[]): void {
  for (const { check, why } of broken) {
    console.log(`  broken: ${check}`);
    for (const reason of why.slice(0, MAX_REASONS)) console.log(`    ${reason.slice(0, MAX_REASON)}`);
  }
}

/** Runs one seed. Returns its simulated time, and whether it failed. */
async function runSeed(seed: number): Promise<{ readonly simulatedMs: number; readonly isGood: boolean }> {
  const story = makeStory(seed, hours, calm);
  const startMs = realMs();
  const outcome = await perform(story, values.trace ? { onLine: (line) => console.log(line) } : {});
  const seconds = ((realMs() - startMs) / 1_000).toFixed(1);
  const { simulatedMs, broken } = outcome;
  const span = `${(simulatedMs / HOUR_MS).toFixed(1)} h in ${seconds} s`;
  const verdict = broken.length === 0 ? 'ok' : 'BROKEN';
  console.log(`seed ${seed}: ${verdict}, ${span}, ${outcome.hash.slice(0, 16)} ${JSON.stringify(outcome.counts)}`);
  if (values.verbose) console.log(`    ${outcome.lines.join('\n    ')}`);
  if (values.twice) {
    const again = await perform(makeStory(seed, hours, calm));
    if (again.hash !== outcome.hash) {
      console.log(`  NOT THE SAME when run again: ${again.hash.slice(0, 16)}`);
      return { simulatedMs, isGood: false };
    }
    console.log('  the same when run again');
  }
  if (broken.length === 0) return { simulatedMs, isGood: true };
  printBroken(broken);
  if (values.shorten !== '0') {
    const short = await shorten(story, outcome, Number(values.shorten) * 1_000);
    console.log(`  shortest history found, ${short.events} events:\n    ${short.outcome.lines.join('\n    ')}`);
    printBroken(short.outcome.broken);
    console.log(`  last complaints:\n    ${short.outcome.complaints.slice(-MAX_COMPLAINTS).join('\n    ')}`);
  }
  console.log(`  again: node tests/sim/run.ts --first ${seed} --hours ${values.hours} --calm ${values.calm}`);
  return { simulatedMs, isGood: false };
}

let failed = 0;
let simulatedMs = 0;
const beganMs = realMs();
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const done = await runSeed(seed);
  simulatedMs += done.simulatedMs;
  if (!done.isGood) failed++;
  if (!done.isGood && values.bail) break;
}
const cpu = process.cpuUsage();
console.log(
  `${failed} of ${values.seeds} seeds failed; ${(simulatedMs / HOUR_MS).toFixed(1)} simulated hours ` +
    `in ${((realMs() - beganMs) / 1_000).toFixed(0)} s, ${((cpu.user + cpu.system) / 1e6).toFixed(0)} s of a core`,
);
forgetTemplates();
process.exitCode = failed > 0 ? 1 : 0;
