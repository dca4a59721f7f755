import { Type } from 'typebox';
import { fromJson } from '#kernel/db/json.ts';
import { Conflict, NotFound, NotImplementedHere } from '#kernel/errors.ts';
import type { PasswordOutcome } from '#protocol/agent.ts';
import type { ComputeDeps } from '../../deps.ts';
import { wholeNumber } from '../../fields.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { requireState } from '../states.ts';
import type { ServerAction } from './action.ts';

/** The longest console text in one answer. */
const MAX_CONSOLE_BYTES = 256 * 1024;
/** What JSON readers and terminals stumble over; nova leaves it out too. */
const UNPRINTABLE = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/g;

const ConsoleOutputInput = Type.Object(
  {
    length: Type.Optional(
      Type.Unsafe<number | string | null>({
        type: ['integer', 'string', 'null'],
        minimum: -1,
        pattern: '^-?[0-9]+$',
      }),
    ),
  },
  { additionalProperties: false },
);
const ChangePasswordInput = Type.Object(
  { adminPass: Type.String({ maxLength: 255 }) },
  { additionalProperties: false },
);

/** What is asked of the guest at this moment. */
export const guestActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'os-getConsoleOutput',
    input: ConsoleOutputInput,
    status: 200,
    async run({ ctx }, id, input: { readonly length?: number | string | null }) {
      const server = await openServer(deps, ctx, id, 'os_compute_api:os-console-output');
      const length = input.length == null ? -1 : wholeNumber(input.length, 'length', -1);
      if (server.host_id === null) throw new Conflict('compute.server.without_host', `Instance ${id} is not ready`);
      const bytes = await deps.agents
        .agentOf(server.host_id)
        .consoleOutput(id, MAX_CONSOLE_BYTES)
        .catch((error: unknown) => {
          // A guest that has never run has no console yet; others wait for it in a loop.
          if (error instanceof NotFound)
            throw new Conflict('compute.server.without_host', `Instance ${id} is not ready`);
          throw error;
        });
      return { output: lastLines(bytes.toString('utf8').replace(UNPRINTABLE, ''), length) };
    },
  },
  {
    name: 'changePassword',
    input: ChangePasswordInput,
    async run({ ctx }, id, { adminPass }: { readonly adminPass: string }) {
      const server = await openServer(deps, ctx, id, 'os_compute_api:os-admin-password');
      requireUnlocked(deps, ctx, server);
      requireState(server, 'changePassword', 'changePassword');
      if (server.host_id === null) throw new Conflict('compute.server.without_host', `Instance ${id} is not ready`);
      const user = administratorOf(server.image === null ? {} : fromJson(server.image).properties);
      requireSet(id, await deps.agents.agentOf(server.host_id).setPassword(id, user, adminPass));
    },
  },
];

/** @see nova/virt/libvirt/driver.py, set_admin_password */
function administratorOf(properties: Readonly<Record<string, string>>): string {
  if (properties['os_type'] === 'windows') return 'Administrator';
  return properties['os_admin_user'] ?? 'root';
}

function requireSet(id: string, outcome: PasswordOutcome): void {
  switch (outcome.kind) {
    case 'set':
      return;
    case 'no agent':
      throw new Conflict(
        'compute.guest_agent.absent',
        'QEMU guest agent is not enabled: the image must say so (hw_qemu_guest_agent=yes) before the server is made from it',
      );
    case 'silent':
      throw new NotImplementedHere('compute.guest_agent.silent', 'Unable to set password on instance');
    case 'refused':
      throw new Conflict(
        'compute.guest_agent.refused',
        `Failed to set admin password on ${id} because ${outcome.reason}`,
      );
  }
}

function lastLines(text: string, length: number): string {
  if (length < 0) return text;
  if (length === 0) return '';
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  return body.split('\n').slice(-length).join('\n') + (body.length < text.length ? '\n' : '');
}
