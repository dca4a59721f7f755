/**
 * Deliberate mistakes in the product, to show that the laboratory sees them: one place of one file, told apart by its text, is
 * replaced while it is loaded. A mutant whose text is no longer there fails loudly, so that the proof cannot rot.
 */
import { registerHooks } from 'node:module';

export interface Mutant {
  /** What is broken. */
  readonly what: string;
  /** The check that sees it. */
  readonly seenBy: string;
  /** A seed that comes by; the next ones are tried as well. */
  readonly seed: number;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'skip an undo': {
    what: 'a build that fails keeps its place at placement',
    seenBy: "placement's allocations are the servers'",
    seed: 204,
    file: 'src/services/compute/servers/tasks/build.ts',
    from: '  await deps.placement.release(deps.db as Db, run.resourceId);',
    to: '',
  },
  'keep ports': {
    what: "a deletion does not return the server's ports",
    seenBy: 'ports of servers are those that servers have',
    seed: 203,
    file: 'src/services/compute/servers/tasks/delete.ts',
    from: 'run: (run) => deps.network.releaseServerPorts(run.resourceId) }',
    to: 'run: async () => {} }',
  },
  'forget to ring': {
    what: 'a port that is deleted is not told to its host',
    seenBy: 'each host has heard the newest networks that it is to have',
    seed: 203,
    file: 'src/services/network/ports/remove.ts',
    from: 'await touchPort(',
    to: 'if (port.server_id === null) await touchPort(',
  },
  'write before refusing': {
    what: 'a request that is refused leaves a trace',
    seenBy: 'a request that was refused changed nothing',
    seed: 203,
    file: 'src/services/compute/servers/actions/begin.ts',
    from: '  const nowMs = deps.clock.now().getTime();',
    to: `  const nowMs = deps.clock.now().getTime();
  await deps.db.updateTable('servers').set({ updated_at: nowMs }).where('id', '=', id).execute();`,
  },
  'forget to tell': {
    what: 'an action changes the desired guest, and its host does not hear of it',
    seenBy: 'each host has heard the newest guests that it is to have',
    seed: 203,
    file: 'src/services/compute/servers/actions/begin.ts',
    from: '    await bumpGuests(deps, tx, guest.host_id);',
    to: '',
  },
};

/** Loads the product with one mistake in it. To be called before the product is loaded. */
export function breed(name: string): void {
  const mutant = MUTANTS[name];
  if (mutant === undefined) throw new Error(`no mutant '${name}'; there are: ${Object.keys(MUTANTS).join(', ')}`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/${mutant.file}`)) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array).toString();
      if (!source.includes(mutant.from)) throw new Error(`the mutant '${name}' no longer finds its place`);
      return { ...loaded, source: source.replace(mutant.from, mutant.to) };
    },
  });
}
