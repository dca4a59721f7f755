import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import type { ServerAction } from '../servers/actions/action.ts';
import { openRemoteConsole } from './logic.ts';
import { consoleActionBodies } from './schema.ts';

const PROTOCOLS = {
  'os-getVNCConsole': 'vnc',
  'os-getSPICEConsole': 'spice',
  'os-getRDPConsole': 'rdp',
  'os-getSerialConsole': 'serial',
} as const;

/** Consoles as they were asked for until 2.5. */
export const consoleActions = (deps: ComputeDeps): ServerAction[] =>
  (Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[]).map((name) => ({
    name,
    before: compute.remoteConsoles,
    input: consoleActionBodies[name],
    status: 200,
    async run({ ctx }, serverId, { type }: { readonly type: string }) {
      const url = await openRemoteConsole(deps, ctx, serverId, { protocol: PROTOCOLS[name], type });
      return { console: { type, url } };
    },
  }));
