import { type Static, Type } from 'typebox';
import { envelope } from '../fields.ts';

const word = (...words: string[]) => Type.Unsafe<string>({ type: 'string', enum: words });
const consoleOf = (protocols: readonly string[], types: readonly string[]) =>
  envelope(
    'remote_console',
    Type.Object({ protocol: word(...protocols), type: word(...types) }, { additionalProperties: false }),
  );

const PROTOCOLS = ['vnc', 'spice', 'rdp', 'serial'];
const TYPES = ['novnc', 'xvpvnc', 'rdp-html5', 'spice-html5', 'serial'];

/** @see nova/api/openstack/compute/schemas/remote_consoles.py */
export const RemoteConsole26 = consoleOf(PROTOCOLS, TYPES);
/** From 2.8 on. */
export const RemoteConsole28 = consoleOf([...PROTOCOLS, 'mks'], [...TYPES, 'webmks']);
export type RemoteConsole = Static<typeof RemoteConsole26>['remote_console'];

const typeOf = (...types: string[]) => Type.Object({ type: word(...types) }, { additionalProperties: false });

/** Bodies of the server actions of before 2.6, by the action's name. */
export const consoleActionBodies = {
  'os-getVNCConsole': typeOf('novnc', 'xvpvnc'),
  'os-getSPICEConsole': typeOf('spice-html5'),
  'os-getRDPConsole': typeOf('rdp-html5'),
  'os-getSerialConsole': typeOf('serial'),
} as const;
