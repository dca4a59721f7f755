import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path in the seeded tree → what stands there. */
export type Seeds = Readonly<Record<string, string>>;

export const repository = fileURLToPath(new URL('../..', import.meta.url));
/** A check of a handful of files that takes longer than this hangs. */
const TOOL_MS = 30_000;

/**
 * Makes a small tree that has this repository's configuration and packages, and only `seeds` for sources.
 * @returns its path; the caller removes it.
 */
export async function seedTree(seeds: Seeds): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'pileus-seeds-'));
  for (const file of [
    'package.json',
    'tsconfig.json',
    '.dependency-cruiser.cjs',
    '.oxlintrc.json',
    'knip.json',
    'vitest.config.ts',
    'tools/lint/house.ts',
  ]) {
    await cp(join(repository, file), join(tree, file));
  }
  await symlink(join(repository, 'node_modules'), join(tree, 'node_modules'));
  for (const [path, text] of Object.entries(seeds)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), text);
  }
  return tree;
}

/** Removes what {@link seedTree} made; the linked packages stay. */
export async function removeTree(tree: string): Promise<void> {
  await rm(tree, { recursive: true });
}

/** Runs one of the repository's tools in `tree` and returns what it printed as JSON, whatever its exit code. */
export async function runTool(tree: string, tool: string, args: readonly string[]): Promise<unknown> {
  const program = join(repository, 'node_modules/.bin', tool);
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(program, args, { cwd: tree, timeout: TOOL_MS, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      if (out === '') reject(new Error(`${tool} printed nothing: ${err}`, { cause: error }));
      else resolve(out);
    });
  });
  return JSON.parse(stdout);
}
