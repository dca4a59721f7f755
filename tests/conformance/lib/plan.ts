/** What runs together and what begins first. Pure. */
import { baseName } from './results.ts';

/** Tests of one class, which run one after the other with one set-up. */
export interface Unit {
  readonly className: string;
  readonly ids: readonly string[];
}

/** A class that takes longer than this is run in parts, each with a set-up of its own: else it ends long after the rest. */
const LONGEST_UNIT_S = 60;

/** `tempest.a.B.test_c[id-…]` is of class `tempest.a.B`. */
function classOf(id: string): string {
  const name = baseName(id);
  return name.slice(0, name.lastIndexOf('.'));
}

/**
 * The tests in units, the longest first: what is long and begins late is what everybody waits for at the end.
 * @param seconds how long classes took when last measured; an unknown one is as long as it has tests.
 */
export function planUnits(ids: readonly string[], seconds: ReadonlyMap<string, number>): Unit[] {
  const classes = [...Map.groupBy(ids, classOf)].map(([className, members]) => {
    const expected = seconds.get(className) ?? members.length;
    const parts = Math.min(members.length, Math.ceil(expected / LONGEST_UNIT_S));
    return { className, members, parts, expected: expected / parts };
  });
  return classes
    .toSorted((a, b) => b.expected - a.expected)
    .flatMap(({ className, members, parts }) => dealOut(members, parts).map((part) => ({ className, ids: part })));
}

/** Deals a list out to hands as even as can be. */
function dealOut(list: readonly string[], hands: number): string[][] {
  return Array.from({ length: hands }, (_, hand) => list.filter((__, index) => index % hands === hand));
}

/** A file of lines `42 tempest.a.B`. */
export function parseSeconds(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [seconds = '', name = ''] = line.split(' ');
      return [name, Number(seconds)];
    }),
  );
}
