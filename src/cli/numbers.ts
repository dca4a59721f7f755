/** Numbers on the command line. Each throws what Commander shows as one sentence. */
import { InvalidArgumentError } from 'commander';
import { words } from './language.ts';

/** @throws {InvalidArgumentError} for all but a whole number above zero. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(words({ en: 'It must be a whole number above zero.', zh: '必须是大于零的整数。' }));
}

/** @throws {InvalidArgumentError} for all but a whole number from 1 to `max`. */
export function countUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value <= max) return value;
    throw new InvalidArgumentError(words({ en: `It must be at most ${max}.`, zh: `最多为 ${max}。` }));
  };
}

/** @throws {InvalidArgumentError} for all but a whole number of milliseconds. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError(
    words({ en: 'It must be a whole number of milliseconds.', zh: '必须是以毫秒为单位的整数。' }),
  );
}
