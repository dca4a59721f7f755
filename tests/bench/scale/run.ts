/**
 * The cloud at the size of its targets, printed as a table: `node tests/bench/scale/run.ts [servers] [hosts]`.
 *
 * It is `pileus simulate` from the bundle if that is built, else from the sources. Of times only those on a machine that does nothing else
 * mean anything, so that its load before and after is printed; processor time for each server means something anywhere.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const bundle = join(root, 'dist/pileus.mjs');
const program = existsSync(bundle) ? bundle : join(root, 'src/main.ts');
const [servers = '50000', hosts = '1000'] = process.argv.slice(2);
const load = (): string => loadavg()[0]?.toFixed(1) ?? '';

const before = load();
const argv = [program, 'simulate', '--hosts', hosts, '--servers', servers];
const [code] = (await once(spawn(process.execPath, argv, { cwd: root, stdio: 'inherit' }), 'exit')) as [number | null];
console.log(`load before ${before}, after ${load()} (the bench itself is about 2 of it)`);
process.exitCode = code ?? 1;
