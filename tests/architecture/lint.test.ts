import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree, runTool, type Seeds, seedTree } from './seeds.ts';

interface Lint {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
}

/** Rule as oxlint reports it, and a bad file that it must report. */
const bad: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['typescript(no-floating-promises)', 'src/a/floating.ts', 'export const f = async () => 1;\nf();\n'],
  [
    'typescript(no-misused-promises)',
    'src/a/misused.ts',
    'export const f = async () => true;\nexport const g = () => (f() ? 1 : 2);\n',
  ],
  [
    'typescript(switch-exhaustiveness-check)',
    'src/a/switch.ts',
    "export function f(x: 'a' | 'b') {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
  ],
  [
    'typescript(consistent-type-imports)',
    'src/a/types.ts',
    "import { Stats } from 'node:fs';\nexport const f = (s: Stats) => s.size;\n",
  ],
  ['typescript(no-explicit-any)', 'src/a/any.ts', 'export const f = (x: any) => String(x);\n'],
  ['import(no-default-export)', 'src/a/default.ts', 'const a = 1;\nexport default a;\n'],
  ['eslint(no-console)', 'src/services/loud.ts', "console.log('hello');\nexport {};\n"],
  ['eslint(eqeqeq)', 'src/a/eqeqeq.ts', 'export const f = (a: unknown, b: unknown) => a == b;\n'],
  ['eslint(no-restricted-imports)', 'src/agents/compute/shell.ts', "export { exec } from 'node:child_process';\n"],
  ['house(no-system-time)', 'src/a/new-date.ts', 'export const now = new Date();\n'],
  ['house(no-system-time)', 'src/a/call-date.ts', 'export const now = Date();\n'],
  ['house(no-system-time)', 'src/a/date-now.ts', 'export const now = Date.now();\n'],
  ['house(no-system-time)', 'src/a/date-now-quoted.ts', "export const now = Date['now'];\n"],
  ['house(no-system-chance)', 'src/a/chance.ts', 'export const n = Math.random();\n'],
];

const good: Seeds = {
  'src/kernel/clock.ts': 'export const now = () => new Date();\n',
  'src/kernel/random.ts': 'export const below = () => Math.random();\n',
  'src/kernel/exec-direct.ts': "export { spawn } from 'node:child_process';\n",
  'src/install/run.ts': "export { spawn } from 'node:child_process';\n",
  'src/cli/status.ts': "console.log('fine');\nexport {};\n",
  'src/a/dates.ts': 'export const day = new Date(0);\n',
  'tests/hosts/run.ts': "export { spawn } from 'node:child_process';\nexport const now = Date.now();\n",
};

describe('the lint rules of the house', () => {
  let tree: string;
  let lint: Lint;

  beforeAll(async () => {
    tree = await seedTree({ ...good, ...Object.fromEntries(bad.map(([, path, text]) => [path, text])) });
    lint = (await runTool(tree, 'oxlint', ['-f', 'json', 'src', 'tests'])) as Lint;
  });
  afterAll(() => removeTree(tree));

  it.each(bad)('%s fails on %s', (rule, path) => {
    const found = lint.diagnostics.filter((problem) => problem.filename === path).map((problem) => problem.code);
    expect(found).toContain(rule);
  });

  it('leave alone what is allowed', () => {
    const wrong = lint.diagnostics.filter((problem) => problem.filename in good);
    expect(wrong).toEqual([]);
  });
});
