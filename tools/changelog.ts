/** Moves the sentences in `changes/` into CHANGELOG.md under a new version: `node tools/changelog.ts 0.2.0`. */
import { glob, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const version = process.argv[2];
if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) throw new Error('Say which version, such as 0.2.0.');

const files: string[] = [];
for await (const file of glob('changes/*.md', { cwd: root })) if (file !== 'changes/README.md') files.push(file);
if (files.length === 0) throw new Error('Nothing waits in changes/.');

const sentences = await Promise.all(
  files.toSorted().map(async (file) => `- ${(await readFile(join(root, file), 'utf8')).trim()}`),
);
const path = join(root, 'CHANGELOG.md');
const [head = '', ...releases] = (await readFile(path, 'utf8')).trimEnd().split(/\n(?=## )/);
const day = new Date().toISOString().slice(0, 10);
await writeFile(
  path,
  `${[head.trimEnd(), `## ${version} (${day})\n\n${sentences.join('\n')}`, ...releases].join('\n\n')}\n`,
);
await Promise.all(files.map((file) => rm(join(root, file))));
console.log(`CHANGELOG.md: ${sentences.length} sentences under ${version}`);
