import { describe, expect, it } from 'vitest';
import { parseSeconds, planUnits } from './plan.ts';

const ids = ['tempest.a.Short.test_1[id-1]', 'tempest.a.Long.test_1[id-2]', 'tempest.a.Long.test_2[id-3,smoke]'];

describe('planning a run', () => {
  it('keeps the tests of a class together, and begins with the class that takes longest', () => {
    const plan = planUnits(ids, parseSeconds('# measured\n50 tempest.a.Long\n'));
    expect(plan.map(({ className, ids: members }) => [className, members.length])).toEqual([
      ['tempest.a.Long', 2],
      ['tempest.a.Short', 1],
    ]);
  });

  it('runs a class in parts that takes longer than everything else may wait', () => {
    const plan = planUnits(ids, new Map([['tempest.a.Long', 600]]));
    expect(plan.map(({ ids: members }) => members.length)).toEqual([1, 1, 1]);
  });

  it('leaves no test out', () => {
    const many = Array.from({ length: 100 }, (_, index) => `tempest.c${index % 7}.C.test_${index}[id]`);
    const seconds = new Map([['tempest.c3.C', 200]]);
    expect(
      planUnits(many, seconds)
        .flatMap((unit) => unit.ids)
        .toSorted(),
    ).toEqual(many.toSorted());
  });
});
