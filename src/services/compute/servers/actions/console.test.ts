import { afterEach, describe, expect, it } from 'vitest';
import type { PasswordOutcome } from '#protocol/agent.ts';
import { type ServersUnderTest, startServers } from '#tests/api/servers.ts';

let cloud: ServersUnderTest;
afterEach(() => cloud.close());

/** A server whose guest's agent gives this answer; what it was asked is kept. */
async function changePassword(outcome: PasswordOutcome) {
  const asked: string[] = [];
  const notAsked = (): Promise<never> => Promise.reject(new Error('not asked for'));
  cloud = await startServers({
    agents: {
      agentOf: () => ({
        consoleOutput: notAsked,
        openVnc: notAsked,
        diagnostics: notAsked,
        async setPassword(_, user, password) {
          asked.push(`${user}:${password}`);
          return outcome;
        },
      }),
    },
  });
  await cloud.beat();
  const { body } = await cloud.create();
  await cloud.pass();
  const wish = { changePassword: { adminPass: "p'; $(x)" } };
  const answer = await cloud.ask(`POST /v2.1/servers/${body.server.id}/action`, { as: 'member', body: wish });
  return { asked, answer };
}

describe('changing the password in a guest', () => {
  it("has the guest's agent set the administrator's, as it was given", async () => {
    const { asked, answer } = await changePassword({ kind: 'set' });
    expect([answer.status, asked]).toEqual([202, ["root:p'; $(x)"]]);
  });

  it('is a conflict where the image promises no agent, and where the agent refuses', async () => {
    const absent = await changePassword({ kind: 'no agent' });
    expect([absent.answer.status, absent.answer.body.conflictingRequest.message]).toEqual([
      409,
      expect.stringContaining('QEMU guest agent is not enabled'),
    ]);
    await cloud.close();
    const refused = await changePassword({ kind: 'refused', reason: 'no such user' });
    expect([refused.answer.status, refused.answer.body.conflictingRequest.message]).toEqual([
      409,
      expect.stringMatching(/^Failed to set admin password on .* because no such user$/),
    ]);
  });

  it('is not implemented where the agent does not answer', async () => {
    expect((await changePassword({ kind: 'silent' })).answer.status).toBe(501);
  });
});
