/**
 * Builds the program: `dist/pileus.mjs` and its chunks, the small `dist/exec-helper-main.mjs`, and `dist/assets/`.
 *
 * Each output is written beside its place and renamed, so that a program that runs or starts meanwhile sees the old one
 * or the new one, whole. What keeps native parts or data files of its own stays in node_modules.
 */
import { copyFile, glob, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/** Packages that find files beside themselves at run time. */
const NOT_BUNDLED = ['better-sqlite3', 'bcrypt', 'mysql2'];

/** CommonJS packages inside an ES module still call these. */
const BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __filename = import.meta.filename;
const __dirname = import.meta.dirname;`;

const staging = join(root, `.pileus/build-${process.pid}`);
try {
  await build({
    absWorkingDir: root,
    entryPoints: { pileus: 'src/main.ts', 'exec-helper-main': 'src/kernel/exec-helper-main.ts' },
    outdir: staging,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // Each process loads only what it needs: the agent has no use for the services.
    splitting: true,
    chunkNames: 'chunk-[name]-[hash]',
    minifyWhitespace: true,
    minifySyntax: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: true,
    sourcesContent: false,
    // Beside the code: one name with an accent in it would double the memory that the text of a file takes.
    legalComments: 'external',
    // A stack trace names what the source names.
    keepNames: true,
    external: NOT_BUNDLED,
    banner: { js: BANNER },
    logLevel: 'warning',
  });
  await mkdir(dist, { recursive: true });
  const built: string[] = [];
  for await (const file of glob('*', { cwd: staging })) built.push(file);
  for (const file of built) await rename(join(staging, file), join(dist, file));
  for await (const file of glob('chunk-*', { cwd: dist })) if (!built.includes(file)) await rm(join(dist, file));
} finally {
  await rm(staging, { recursive: true, force: true });
}
await copyAssets();

/**
 * Copies what lies below any `assets` folder of `src/` to `dist/assets/`, so that `new URL('./assets/x', import.meta.url)`
 * finds x built and unbuilt.
 * @throws when two assets have one name: they would share one place.
 */
async function copyAssets(): Promise<void> {
  const sources = new Map<string, string>();
  for await (const entry of glob('src/**/assets/**', { cwd: root, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const name = source.slice(source.indexOf('/assets/', root.length) + '/assets/'.length);
    const other = sources.get(name);
    if (other !== undefined)
      throw new Error(`${source} and ${other} would both become dist/assets/${name}; rename one.`);
    sources.set(name, source);
  }
  for (const [name, source] of sources) {
    const target = join(dist, 'assets', name);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(source, `${target}.new`);
    await rename(`${target}.new`, target);
  }
}
