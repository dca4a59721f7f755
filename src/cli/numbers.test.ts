import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { countUpTo, milliseconds } from './numbers.ts';

describe('numbers on the command line', () => {
  it('takes no word, no fraction and nothing out of its bounds for a count', () => {
    for (const text of ['abc', '', '0', '-1', '1.5', '101'])
      expect(() => countUpTo(100)(text)).toThrow(InvalidArgumentError);
    expect(countUpTo(100)('100')).toBe(100);
  });

  it('takes zero, but nothing negative, for milliseconds', () => {
    for (const text of ['x', '', ' ', '-1']) expect(() => milliseconds(text)).toThrow(InvalidArgumentError);
    expect(milliseconds('0')).toBe(0);
  });
});
