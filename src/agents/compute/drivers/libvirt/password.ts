import type { PasswordOutcome } from '#protocol/agent.ts';
import { isLibvirtError, LibvirtError } from './rpc/errors.ts';
import { errorNumber } from './rpc/protocol.ts';

/**
 * What libvirt's call to the agent in a guest says.
 * @throws whatever is not the guest's answer, such as a lost connection.
 */
export async function readPasswordOutcome(call: Promise<void>): Promise<PasswordOutcome> {
  try {
    await call;
    return { kind: 'set' };
  } catch (error) {
    if (isLibvirtError(error, errorNumber.agentUnresponsive)) return { kind: 'silent' };
    if (error instanceof LibvirtError) return { kind: 'refused', reason: error.message };
    throw error;
  }
}
