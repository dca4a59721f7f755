import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explainError } from './explain-error.ts';

describe('an error on the terminal', () => {
  it('says what a refusal of the system means and what helps', () => {
    let caught: unknown;
    try {
      mkdirSync('/etc/passwd', { recursive: true });
    } catch (error) {
      caught = error;
    }
    expect(explainError(caught)).toMatch(/\/etc\/passwd.*\(EEXIST\)$/);
    expect(explainError(caught)).not.toContain('mkdir');
  });

  it('does not say the same twice when an error quotes its cause', () => {
    const cause = new Error('connect ECONNREFUSED');
    expect(explainError(new Error('no answer: connect ECONNREFUSED', { cause }))).toBe(
      'no answer: connect ECONNREFUSED',
    );
  });
});
