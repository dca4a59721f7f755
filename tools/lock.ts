/**
 * Completes `package-lock.json`, or with `--check` says what it lacks.
 *
 * npm leaves out of the lock what the registry at hand does not have, such as binaries for other systems, and `npm ci`
 * then refuses its own lock. Such packages are optional and never installed here; an entry with the version and the
 * platform is all that npm needs. Addresses of registries have no place in the lock: everybody uses their own.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

interface LockedPackage {
  version?: string;
  resolved?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, LockedPackage>;
}

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const CPUS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const text = await readFile(path, 'utf8');
const lock = JSON.parse(text) as Lock;
const problems = [...addMissing(lock), ...dropAddresses(lock)];

if (problems.length === 0) console.log('package-lock.json is whole');
else if (process.argv.includes('--check')) {
  console.error(`package-lock.json: ${problems.length} to mend, such as: ${problems[0]}. Run "node tools/lock.ts".`);
  process.exitCode = 1;
} else {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: mended ${problems.length}`);
}

function addMissing({ packages }: Lock): string[] {
  const problems: string[] = [];
  for (const [place, locked] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      if (isLocked(packages, place, name)) continue;
      packages[`node_modules/${name}`] = {
        version,
        ...(locked.dev ? { dev: true } : {}),
        optional: true,
        ...platformOf(name),
      };
      problems.push(`${name} is missing`);
    }
  }
  return problems;
}

/** Whether a package at `place` finds `name` in its own or any outer node_modules. */
function isLocked(packages: Lock['packages'], place: string, name: string): boolean {
  for (let at = place; ; at = at.slice(0, Math.max(at.lastIndexOf('/node_modules/'), 0))) {
    if (`${at === '' ? '' : `${at}/`}node_modules/${name}` in packages) return true;
    if (at === '') return false;
  }
}

/** `@oxlint/binding-linux-x64-musl` runs on linux, x64, musl: binaries say so in their names. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = (name.split('/').at(-1) ?? name).split('-');
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = CPUS.find((candidate) => words.includes(candidate));
  if (os === undefined)
    throw new Error(`${name} is missing from the lock and its name does not say for which system it is.`);
  const libc =
    words.includes('musl') || words.includes('musleabihf') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [];
  return { os: [os], ...(cpu === undefined ? {} : { cpu: [cpu] }), ...(libc.length === 0 ? {} : { libc }) };
}

function dropAddresses({ packages }: Lock): string[] {
  const problems: string[] = [];
  for (const [place, locked] of Object.entries(packages)) {
    if (!locked.resolved?.startsWith('http')) continue;
    delete locked.resolved;
    problems.push(`${place} has a registry's address`);
  }
  return problems;
}
