import type { Ledger } from '../ledger.ts';
import type { World } from '../world.ts';

/** What a check looks at. */
export interface Scene {
  readonly world: World;
  readonly ledger: Ledger;
}

/**
 * One sentence that must hold. `always`: between any two transactions; `at rest`: once the bad times are over and nothing is under way;
 * `after quiet`: when nothing has happened for hours besides, so that whatever tidies up has done so.
 */
export interface Check {
  readonly name: string;
  readonly when: 'always' | 'at rest' | 'after quiet';
  /** What breaks it, one sentence each that names the thing. */
  look(scene: Scene): readonly string[] | Promise<readonly string[]>;
}

/** Both ways: what is missing, and what is there and should not be. */
export function differences(what: string, wanted: Iterable<string>, found: Iterable<string>): string[] {
  const [want, have] = [new Set(wanted), new Set(found)];
  return [
    ...[...want].filter((one) => !have.has(one)).map((one) => `missing ${what}: ${one}`),
    ...[...have].filter((one) => !want.has(one)).map((one) => `${what} that should not be: ${one}`),
  ];
}
