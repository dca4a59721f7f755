import { describe, expect, it } from 'vitest';
import { chooseStages } from './run.ts';

const chosen = (...words: string[]): unknown => chooseStages(words).map(({ stage, args }) => [stage.name, ...args]);

describe('choosing what to test', () => {
  it('takes everything when nothing is named', () => {
    expect(chosen()).toEqual(chosen('all'));
  });

  it('gives conformance what follows it', () => {
    expect(chosen('conformance', 'identity', 'test_users.*')).toEqual([['conformance', 'identity', 'test_users.*']]);
    expect(chosen('unit', 'conformance', 'powered-platform')).toEqual([['unit'], ['conformance', 'powered-platform']]);
  });

  it('takes names of stages after conformance as stages', () => {
    expect(chosen('conformance', 'fast')).toEqual([['fast'], ['conformance']]);
  });

  it('refuses a name that no stage has', () => {
    expect(() => chooseStages(['fsat'])).toThrow('There is no stage fsat');
  });
});
