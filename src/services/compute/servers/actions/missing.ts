import { NotImplementedHere } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { type ActionName, requireState } from '../states.ts';
import type { ServerAction } from './action.ts';

interface MissingAction {
  readonly name: string;
  readonly rule: string;
  readonly action: ActionName;
  readonly why: string;
}

const NO_MOVES = 'servers of this cloud do not move between hosts yet; make a new one there.';

/** What nova can and this cloud cannot yet: refused for the right reason first, and then with a clear word. */
const MISSING: readonly MissingAction[] = [
  { name: 'migrate', rule: 'os-migrate-server:migrate', action: 'resize', why: NO_MOVES },
  { name: 'os-migrateLive', rule: 'os-migrate-server:migrate_live', action: 'migrateLive', why: NO_MOVES },
  { name: 'evacuate', rule: 'os-evacuate', action: 'evacuate', why: NO_MOVES },
];

export const missingActions = (deps: ComputeDeps): ServerAction[] =>
  MISSING.map(
    ({ name, rule, action, why }): ServerAction => ({
      name,
      async run({ ctx }, id) {
        const server = await openServer(deps, ctx, id, `os_compute_api:${rule}`);
        requireUnlocked(deps, ctx, server);
        requireState(server, action, name);
        throw new NotImplementedHere('compute.action.missing', `'${name}' is not possible: ${why}`);
      },
    }),
  );
