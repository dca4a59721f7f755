/** `ip -batch` and `nft -f`: many changes for the price of one process, and still one culprit for each failure. */
import type { Exec } from '#kernel/exec.ts';
import { NetworkError } from '../contract.ts';
import type { IpLine } from './links.ts';
import type { ScriptLine } from './ruleset.ts';

/** A batch of some thousand links takes a few seconds; more than this is a hung kernel. */
const BATCH_MS = 60_000;
/** Each attempt leaves out what nft complained of; more than this is not a matter of single rules. */
const MAX_NFT_ATTEMPTS = 8;

const TOLERATED = {
  exists: /File exists|already assigned|already exists|Device or resource busy/,
  missing: /Cannot find device|No such (file|device|process)|Cannot assign requested address|does not exist/i,
  unsupported: /not supported/,
} as const;

/**
 * Runs the lines in order, going on after a failure.
 * @param namespace the namespace to run in; this process's own when null.
 * @returns what failed, by owner; only the first failure of each.
 */
export async function runIpBatch(
  exec: Exec,
  program: 'ip' | 'bridge',
  lines: readonly IpLine[],
  namespace: string | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, NetworkError>> {
  if (lines.length === 0) return new Map();
  const where = namespace === null ? [] : ['-n', namespace];
  const stdin = `${lines.map((line) => line.text).join('\n')}\n`;
  const result = await exec.run(
    { argv: [program, ...where, '-force', '-batch', '-'], stdin, timeoutMs: BATCH_MS },
    signal,
  );
  return result.exitCode === 0 ? new Map() : parseBatchErrors(lines, result.stderr);
}

/** Finds the line that each message of `ip -force -batch -` is about. */
export function parseBatchErrors(lines: readonly IpLine[], stderr: string): ReadonlyMap<string, NetworkError> {
  const failures = new Map<string, NetworkError>();
  let said: string[] = [];
  let isAnyLineNamed = false;
  for (const text of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)/.exec(text);
    if (failed === null) {
      if (text.trim() !== '') said.push(text.trim());
      continue;
    }
    isAnyLineNamed = true;
    const line = lines[Number(failed[1]) - 1];
    const message = said.join(' ');
    said = [];
    if (line === undefined || (line.tolerate !== undefined && TOLERATED[line.tolerate].test(message))) continue;
    if (!failures.has(line.owner)) {
      failures.set(line.owner, new NetworkError('network.link.failed', `'ip ${line.text}' failed: ${message}`));
    }
  }
  if (!isAnyLineNamed) {
    const error = new NetworkError('network.link.failed', `'ip -batch' failed: ${said.join(' ')}`);
    for (const line of lines) failures.set(line.owner, error);
  }
  return failures;
}

/**
 * Applies a script whole or not at all. When nft refuses lines that have an owner, `render` is asked for a script
 * without those owners, so that one bad rule does not keep the others from being applied.
 * @param namespace a path such as `/run/netns/qrouter-…`; this process's own when null.
 * @returns the owners that had to be left out.
 * @throws {NetworkError} `network.nft.failed`
 */
export async function runNft(
  exec: Exec,
  render: (excluded: ReadonlySet<string>) => readonly ScriptLine[],
  namespace: string | null,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const excluded = new Set<string>();
  const argv: [string, ...string[]] =
    namespace === null ? ['nft', '-f', '-'] : ['nsenter', `--net=${namespace}`, 'nft', '-f', '-'];
  let message = '';
  for (let attempt = 0; attempt < MAX_NFT_ATTEMPTS; attempt++) {
    const lines = render(excluded);
    const result = await exec.run({ argv, stdin: scriptText(lines), timeoutMs: BATCH_MS }, signal);
    if (result.exitCode === 0) return excluded;
    message = result.stderr.trim().slice(0, 1_000);
    const blamed = [...result.stderr.matchAll(/^[^\s:]+:(\d+):/gm)].map((match) => lines[Number(match[1]) - 1]?.owner);
    const before = excluded.size;
    for (const owner of blamed) if (owner !== undefined) excluded.add(owner);
    if (excluded.size === before) break;
  }
  throw new NetworkError('network.nft.failed', `'nft -f' failed: ${message}`);
}

/** The lines as nft reads them. */
export function scriptText(lines: readonly ScriptLine[]): string {
  return `${lines.map((line) => line.text).join('\n')}\n`;
}
