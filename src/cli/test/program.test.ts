import { describe, expect, it } from 'vitest';
import { runProgram } from './program.ts';

const run = (script: string, timeoutMs = 10_000) =>
  runProgram({ argv: ['bash', '-c', script], root: '/', timeoutMs, isShown: false });

describe('a test program', () => {
  it('is heard on standard output and standard error, with its exit code', async () => {
    expect(await run('echo one; echo two >&2; exit 3')).toEqual({
      exitCode: 3,
      output: expect.stringMatching(/one|two/),
    });
  });

  it('is killed at its deadline, with everything that it started', async () => {
    // The answer comes when nobody holds the output open any more: in 0.3 s, not in 60.
    const { exitCode, output } = await run('sleep 60 & wait', 300);
    expect(exitCode).toBe(124);
    expect(output).toContain('killed after 0.3 s');
  });

  it('finds this Node first', async () => {
    expect((await run('command -v node')).output.trim()).toBe(process.execPath);
  });

  it('that is not there fails like in a shell', async () => {
    const result = await runProgram({ argv: ['no-such-program'], root: '/', timeoutMs: 1000, isShown: false });
    expect(result.exitCode).toBe(127);
  });
});
