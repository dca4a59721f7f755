/** How many of a stage's tests passed, failed, and could not be tried here. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NOTHING: Tally = { passed: 0, failed: 0, skipped: 0 };
export const ONE_PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
export const ONE_FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };
export const ONE_SKIPPED: Tally = { passed: 0, failed: 0, skipped: 1 };

/** Exit code by which a test program says that it cannot run on this machine (automake's convention). */
export const EXIT_SKIPPED = 77;

export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failed: tallies.reduce((sum, tally) => sum + tally.failed, 0),
    skipped: tallies.reduce((sum, tally) => sum + tally.skipped, 0),
  };
}

/** `3 passed, 0 failed`, and `, 2 skipped` where any was. */
export function formatTally(tally: Tally): string {
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
  return `${tally.passed} passed, ${tally.failed} failed${skipped}`;
}

/**
 * The tally of a test program: what its last line says in the form of {@link formatTally}, else one test for the program.
 * A bad exit code is a failure, whatever the line says.
 */
export function readProgramTally(output: string, exitCode: number): Tally {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line.trim());
  if (match === null) {
    if (exitCode === EXIT_SKIPPED) return ONE_SKIPPED;
    return exitCode === 0 ? ONE_PASSED : ONE_FAILED;
  }
  const tally = { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
  const isSilentFailure = exitCode !== 0 && exitCode !== EXIT_SKIPPED && tally.failed === 0;
  return isSilentFailure ? { ...tally, failed: 1 } : tally;
}

/** The part of vitest's JSON report that is counted. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a vitest report. A file that failed before any of its tests did counts as one failure, and so does a bad exit
 * code that no test explains (an unhandled rejection, a crashed worker, no report at all).
 */
export function countVitest(report: VitestReport | undefined, exitCode: number): Tally {
  let tally = NOTHING;
  for (const file of report?.testResults ?? []) {
    const tests = addTallies(file.assertionResults.map(({ status }) => tallyOfStatus(status)));
    const isBrokenFile = file.status === 'failed' && tests.failed === 0;
    tally = addTallies([tally, tests, isBrokenFile ? ONE_FAILED : NOTHING]);
  }
  return exitCode !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}

function tallyOfStatus(status: string): Tally {
  if (status === 'passed') return ONE_PASSED;
  return status === 'failed' ? ONE_FAILED : ONE_SKIPPED;
}
