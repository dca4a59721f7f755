import { describe, expect, it } from 'vitest';
import { countVitest, formatTally, readProgramTally } from './tally.ts';

describe('formatTally', () => {
  it('names skipped tests only where there are any', () => {
    expect(formatTally({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(formatTally({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});

describe('readProgramTally', () => {
  it('takes the counts from the last line', () => {
    expect(readProgramTally('hello\n12 passed, 0 failed, 3 skipped\n', 0)).toEqual({
      passed: 12,
      failed: 0,
      skipped: 3,
    });
  });

  it('counts a program that says nothing as one test', () => {
    expect(readProgramTally('', 0)).toEqual({ passed: 1, failed: 0, skipped: 0 });
    expect(readProgramTally('Segmentation fault\n', 139)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('takes exit code 77 as skipped', () => {
    expect(readProgramTally('no KVM here\n', 77)).toEqual({ passed: 0, failed: 0, skipped: 1 });
  });

  it('does not believe a good count with a bad exit code', () => {
    expect(readProgramTally('4 passed, 0 failed\n', 1)).toEqual({ passed: 4, failed: 1, skipped: 0 });
  });
});

describe('countVitest', () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((test) => ({ status: test })),
  });

  it('counts tests, with pending and todo as skipped', () => {
    const report = { testResults: [file('passed', 'passed', 'skipped'), file('failed', 'failed', 'todo', 'passed')] };
    expect(countVitest(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(countVitest({ testResults: [file('failed')] }, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('counts a crash without a report as one failure', () => {
    expect(countVitest(undefined, 134)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('counts an unhandled rejection after good tests as one failure', () => {
    expect(countVitest({ testResults: [file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });
});
