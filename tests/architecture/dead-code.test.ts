import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree, runTool, type Seeds, seedTree } from './seeds.ts';

interface Report {
  readonly issues: readonly {
    readonly file: string;
    readonly files?: readonly unknown[];
    readonly exports?: readonly { readonly name: string }[];
    readonly dependencies?: readonly { readonly name: string }[];
  }[];
}

const seeds: Seeds = {
  'src/main.ts': "import { used } from './used.ts';\nimport { Command } from 'commander';\nused(new Command());\n",
  'src/used.ts': 'export const used = (x: unknown) => x;\nexport const unused = 1;\n',
  'src/nobody.ts': 'export const alone = 1;\n',
  'src/services/image/index.ts': 'export const service = 1;\n',
  'src/services/image/index.test.ts': "import { service } from './index.ts';\nString(service);\n",
};

describe('the search for dead code', () => {
  let tree: string;
  let everything: Report;
  let production: Report;

  beforeAll(async () => {
    tree = await seedTree(seeds);
    const args = ['--reporter', 'json', '--no-progress'];
    everything = (await runTool(tree, 'knip', args)) as Report;
    production = (await runTool(tree, 'knip', [...args, '--production', '--include', 'files'])) as Report;
  });
  afterAll(() => removeTree(tree));

  const deadFiles = (report: Report) => report.issues.filter((issue) => issue.files?.length).map((issue) => issue.file);

  it('finds a file that nobody imports', () => {
    expect(deadFiles(everything)).toEqual(['src/nobody.ts']);
  });

  it('finds a service that only its test imports', () => {
    expect(deadFiles(production).toSorted()).toEqual(['src/nobody.ts', 'src/services/image/index.ts']);
  });

  it('finds an export that nobody takes', () => {
    const issue = everything.issues.find(({ file }) => file === 'src/used.ts');
    expect(issue?.exports?.map(({ name }) => name)).toEqual(['unused']);
  });

  it('finds a package that nobody imports', () => {
    const names = everything.issues.flatMap((issue) => issue.dependencies?.map(({ name }) => name) ?? []);
    expect(names).toContain('fastify');
    expect(names).not.toContain('commander');
  });
});
