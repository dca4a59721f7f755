import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Cruise {
  readonly modules: readonly {
    readonly source: string;
    readonly dependencies: readonly { readonly resolved: string }[];
  }[];
}

const CRUISE_MS = 60_000;
const MAX_CRUISE_BYTES = 256 * 1024 * 1024;

/** Everything may lean on these; arrows to them would hide the others. */
const GROUND = new Set(['kernel']);

/** The folders of `src/` and who imports whom, as a Mermaid diagram in a Markdown fence. */
export async function drawFolders(root: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    join(root, 'node_modules/.bin/depcruise'),
    ['src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json', '--exclude', '\\.test\\.ts$'],
    { cwd: root, timeout: CRUISE_MS, maxBuffer: MAX_CRUISE_BYTES },
  );
  return drawCruise(JSON.parse(stdout) as Cruise);
}

function drawCruise(cruise: Cruise): string {
  const folders = new Set<string>();
  const arrows = new Set<string>();
  for (const { source, dependencies } of cruise.modules) {
    const from = folderOf(source);
    if (from === undefined) continue;
    folders.add(from);
    for (const { resolved } of dependencies) {
      const to = folderOf(resolved);
      if (to !== undefined && to !== from && !GROUND.has(to)) arrows.add(`  ${idOf(from)} --> ${idOf(to)}`);
    }
  }
  const lines = [...groupsOf(folders), ...[...arrows].toSorted()];
  return `\`\`\`mermaid\nflowchart TD\n${lines.join('\n')}\n\`\`\`\n`;
}

/** `services/compute` for anything in that service, else the first folder (or file) below `src`. */
function folderOf(path: string): string | undefined {
  const match = /^src\/((?:services|agents)\/[^/]+|[^/]+)/.exec(path);
  return match?.[1]?.replace(/\.ts$/, '');
}

/** Folders that stand in one parent folder are drawn in one box. */
function groupsOf(folders: ReadonlySet<string>): string[] {
  const byParent = Map.groupBy([...folders].toSorted(), (folder) =>
    folder.includes('/') ? (folder.split('/')[0] ?? '') : '',
  );
  return [...byParent]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en'))
    .flatMap(([parent, members]) => {
      const nodes = members.map((folder) => `${idOf(folder)}["${folder.split('/').at(-1) ?? folder}"]`);
      if (parent === '') return nodes.map((node) => `  ${node}`);
      return [`  subgraph ${parent}`, ...nodes.map((node) => `    ${node}`), '  end'];
    });
}

/** Mermaid's names are plain words, and `end` is one of its own. */
function idOf(folder: string): string {
  return `f_${folder.replaceAll(/[^a-z0-9]/gi, '_')}`;
}
