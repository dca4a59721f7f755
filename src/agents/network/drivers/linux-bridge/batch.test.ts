import { describe, expect, it } from 'vitest';
import { parseBatchErrors } from './batch.ts';
import { createBatcher } from './batcher.ts';
import type { IpLine } from './links.ts';

const lines: readonly IpLine[] = [
  { text: 'link add dev a type bridge', owner: 'network:a', tolerate: 'exists' },
  { text: 'link set dev b up', owner: 'network:b' },
  { text: 'link del dev c', owner: 'network:c', tolerate: 'missing' },
];

describe('parseBatchErrors', () => {
  it('blames the owner of the line, and tolerates what a line allows', () => {
    const stderr =
      'RTNETLINK answers: File exists\nCommand failed -:1\nCannot find device "b"\nCommand failed -:2\nCannot find device "c"\nCommand failed -:3\n';
    const failures = parseBatchErrors(lines, stderr);
    expect([...failures.keys()]).toEqual(['network:b']);
    expect(failures.get('network:b')?.message).toContain('Cannot find device "b"');
  });

  it('blames everybody when ip itself did not run', () => {
    expect([...parseBatchErrors(lines, 'Option "-force" is unknown').keys()]).toEqual([
      'network:a',
      'network:b',
      'network:c',
    ]);
  });
});

describe('a batcher', () => {
  it('carries out together what comes together, and fails one by one', async () => {
    const batches: (readonly string[])[] = [];
    const batcher = createBatcher<string>(async (items) => {
      batches.push(items);
      return new Map(items.includes('bad') ? [['bad', new Error('bad')]] : []);
    });
    const { signal } = new AbortController();
    const outcomes = await Promise.allSettled(['one', 'bad', 'two'].map((item) => batcher.add(item, signal)));
    expect(batches).toEqual([['one', 'bad', 'two']]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await batcher.add('three', signal);
    expect(batches.length).toBe(2);
  });
});
