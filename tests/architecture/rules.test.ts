import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree, repository, runTool, type Seeds, seedTree } from './seeds.ts';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

interface Cruise {
  readonly summary: { readonly violations: readonly Violation[] };
  readonly modules: readonly { readonly source: string }[];
}

/** Each rule's own bad file: it must be reported under the rule's name. */
const bad: Readonly<Record<string, readonly [path: string, text: string]>> = {
  'everything-resolves': ['src/kernel/lost.ts', "import '#kernel/nowhere.ts';"],
  'no-cycles': ['src/kernel/egg.ts', "import './hen.ts';"],
  'kernel-knows-nobody': ['src/kernel/nosy.ts', "import type { a } from '#services/image/index.ts';"],
  'protocol-knows-nobody': ['src/protocol/clever.ts', "import '#kernel/clock.ts';"],
  'services-meet-at-index': ['src/services/compute/servers/create.ts', "import '#services/image/images/logic.ts';"],
  'services-have-one-door': ['src/cli/burglar.ts', "import '#services/image/images/logic.ts';"],
  'agents-know-no-service': ['src/agents/compute/spy.ts', "import type { a } from '#services/image/index.ts';"],
  'services-know-no-agent': ['src/services/compute/spy.ts', "import type { a } from '../../agents/loop.ts';"],
  'agents-are-strangers': ['src/agents/compute/friend.ts', "import '../network/apply.ts';"],
  'the-top-is-not-imported': ['src/services/compute/upside-down.ts', "import '../../cli/up.ts';"],
  'only-drivers-touch-the-host': ['src/agents/compute/apply.ts', "import type { a } from '#kernel/exec.ts';"],
  'sql-only-in-stores': ['src/services/compute/migrations/logic.ts', "import { sql } from 'kysely';"],
  'plans-are-pure': ['src/agents/compute/plan.ts', "import '#kernel/clock.ts';"],
  'routes-do-not-store': ['src/services/image/images/routes.ts', "import './store.ts';"],
  'no-test-code-in-src': ['src/kernel/lazy.ts', "import './lazy.test.ts';"],
};

/** What the bad files lean on, and files that do what the rules allow. */
const good: Seeds = {
  'src/kernel/clock.ts': '',
  'src/kernel/hen.ts': "import './egg.ts';",
  'src/kernel/errors.ts': '',
  'src/kernel/exec.ts': 'export type a = 1;',
  'src/kernel/ids.ts': '',
  'src/kernel/lazy.test.ts': "import 'vitest'; import '#services/image/images/logic.ts';",
  'src/kernel/db/database.ts': "import 'kysely'; import 'better-sqlite3';",
  'src/kernel/tasks/runner.ts': "import 'kysely';",
  'src/protocol/guests.ts': "import '#kernel/ids.ts';",
  'src/services/image/index.ts': "export type a = 1; import './images/routes.ts';",
  'src/services/image/images/store.ts': "import 'kysely';",
  'src/services/image/images/logic.ts': '',
  'src/services/image/images/tables.ts': "import type { Generated } from 'kysely';",
  'src/services/compute/index.ts': "import '#services/image/index.ts';",
  'src/agents/loop.ts': 'export type a = 1;',
  'src/agents/network/apply.ts': "import '../loop.ts'; import './drivers/linux-bridge/driver.ts';",
  'src/agents/network/plan.ts':
    "import '#protocol/guests.ts'; import '#kernel/errors.ts'; import type { b } from '#kernel/clock.ts';",
  'src/agents/network/drivers/linux-bridge/driver.ts': "import '#kernel/exec.ts';",
  'src/install/units.ts': "import '#kernel/exec.ts';",
  'src/cli/up.ts': "import '#services/image/index.ts'; import '#kernel/exec.ts'; import '../agents/loop.ts';",
  'src/main.ts': "import './cli/up.ts';",
};

describe('the dependency rules', () => {
  let tree: string;
  let cruise: Cruise;

  beforeAll(async () => {
    tree = await seedTree({ ...good, ...Object.fromEntries(Object.values(bad)) });
    cruise = (await runTool(tree, 'depcruise', ['src', '--config', '.dependency-cruiser.cjs', '-T', 'json'])) as Cruise;
  });
  afterAll(() => removeTree(tree));

  it.each(Object.entries(bad))('%s fails on its seeded violation', (rule, [path]) => {
    const broken = cruise.summary.violations
      .filter((violation) => violation.from === path)
      .map((violation) => violation.rule.name);
    expect(broken).toContain(rule);
  });

  it('have each a seeded violation', () => {
    const { forbidden } = createRequire(import.meta.url)(join(repository, '.dependency-cruiser.cjs')) as {
      forbidden: readonly { name: string }[];
    };
    expect(Object.keys(bad).toSorted()).toEqual(forbidden.map((rule) => rule.name).toSorted());
  });

  it('leave alone what is allowed', () => {
    const badPaths = new Set(Object.values(bad).map(([path]) => path));
    const wrong = cruise.summary.violations
      .filter((violation) => !badPaths.has(violation.from))
      .map((violation) => `${violation.from} ${violation.rule.name}`);
    expect(wrong).toEqual([]);
  });

  it('see every source', () => {
    const seen = new Set(cruise.modules.map((module) => module.source));
    expect(Object.keys(good).filter((path) => !seen.has(path))).toEqual([]);
  });
});
