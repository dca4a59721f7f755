/**
 * Writes the parts of files that are made from the code, or with `--check` says which are out of date.
 * A generated part stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawApiCoverage, drawApiSummary } from './api-coverage.ts';
import { drawConformance } from './conformance-summary.ts';
import { drawFolders } from './folder-graph.ts';

interface Part {
  readonly file: string;
  readonly name: string;
  make(root: string): Promise<string>;
}

const PARTS: readonly Part[] = [
  { file: 'ARCHITECTURE.md', name: 'folders', make: drawFolders },
  { file: 'docs/api-coverage.md', name: 'api-coverage', make: drawApiCoverage },
  { file: 'docs/conformance.md', name: 'conformance', make: drawConformance },
  { file: 'README.md', name: 'api-summary', make: drawApiSummary },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const isCheck = process.argv.includes('--check');

for (const part of PARTS) {
  const path = join(root, part.file);
  const before = await readFile(path, 'utf8');
  const after = replacePart(before, part.name, await part.make(root));
  if (after === before) continue;
  if (isCheck) {
    console.error(`${part.file}: "${part.name}" is out of date; run "npm run generate" and commit the result.`);
    process.exitCode = 1;
  } else {
    await writeFile(path, after);
    console.log(`${part.file}: "${part.name}" written`);
  }
}

function replacePart(text: string, name: string, body: string): string {
  const begin = `<!-- generated: ${name} -->\n`;
  const end = `<!-- end: ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`The marks of "${name}" are missing.`);
  return `${text.slice(0, from + begin.length)}${body}${text.slice(to)}`;
}
