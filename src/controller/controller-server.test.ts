import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair, Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { NotFound } from '#kernel/errors.ts';
import { listenOnSocket } from '#kernel/http/socket-server.ts';
import { silentLog } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import { createAgentServer } from '../agents/agent-server.ts';
import { createControllerClient } from '../agents/controller-client.ts';
import { createAgentClient } from './agent-client.ts';
import { createControllerServer } from './controller-server.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(server: ReturnType<typeof createControllerServer>): Promise<string> {
  const socketPath = join(mkdtempSync(join(tmpdir(), 'peer-')), 's');
  await listenOnSocket(server, socketPath, 0o600);
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return socketPath;
}

const nothing: ControllerApi = {
  heartbeat: async () => {},
  waitForGuests: async () => null,
  reportGuests: async () => {},
  waitForNetworks: async () => null,
  reportNetworks: async () => {},
  downloadImage: async () => Readable.from(['bytes']),
  uploadImage: async () => {},
};

describe('controller and agent over a socket', () => {
  it('carries desired state, reports and images', async () => {
    const told: unknown[] = [];
    const socketPath = await serve(
      createControllerServer(
        {
          ...nothing,
          waitForGuests: async (hostId, since) => (since === 7 ? null : { revision: 7, guests: [], hostId }),
          reportGuests: async (hostId, report) => void told.push(hostId, report),
        },
        silentLog,
      ),
    );
    const client = createControllerClient({ socketPath });
    const signal = new AbortController().signal;
    expect(await client.waitForGuests('a/b', 3, signal)).toEqual({ revision: 7, guests: [], hostId: 'a/b' });
    expect(await client.waitForGuests('a/b', 7, signal)).toBeNull();
    await client.reportGuests('h', { revision: 7, guests: [], strangers: [] });
    expect(told).toEqual(['h', { revision: 7, guests: [], strangers: [] }]);
    let bytes = '';
    for await (const chunk of await client.downloadImage('i', signal)) bytes += String(chunk);
    expect(bytes).toBe('bytes');
  });

  it('carries a snapshot as a stream, and says why one is refused though it is still being sent', async () => {
    const taken: unknown[] = [];
    const socketPath = await serve(
      createControllerServer(
        {
          ...nothing,
          async uploadImage(hostId, imageId, data) {
            if (imageId === 'unwanted') throw new NotFound('compute.snapshot.unwanted', 'Nobody waits for it.');
            let bytes = 0;
            for await (const chunk of data) bytes += (chunk as Buffer).length;
            taken.push(hostId, imageId, bytes);
          },
        },
        silentLog,
      ),
    );
    const client = createControllerClient({ socketPath });
    const signal = new AbortController().signal;
    // more than a report may have
    const chunks = (): Readable => Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(1024 * 1024)));
    await client.uploadImage('a/b', 'i', chunks(), signal);
    expect(taken).toEqual(['a/b', 'i', 20 * 1024 * 1024]);
    await expect(client.uploadImage('a/b', 'unwanted', chunks(), signal)).rejects.toThrow('Nobody waits for it.');
  });

  it('stops waiting on the controller when the agent hangs up', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const socketPath = await serve(
      createControllerServer(
        {
          ...nothing,
          waitForGuests: (_host, _since, signal) => {
            begin();
            return new Promise((done) => {
              signal.addEventListener('abort', () => {
                resolve();
                done(null);
              });
            });
          },
        },
        silentLog,
      ),
    );
    const stop = new AbortController();
    const poll = createControllerClient({ socketPath }).waitForGuests('h', 1, stop.signal);
    await begun;
    stop.abort();
    await expect(poll).rejects.toThrow();
    await gone;
  });

  it('says that nobody answers instead of hanging', async () => {
    const client = createControllerClient({ socketPath: '/nonexistent/socket' });
    await expect(client.reportGuests('h', { revision: 1, guests: [], strangers: [] })).rejects.toThrow(
      'Nobody answers',
    );
  });

  it('carries console text and a VNC stream, and tells a missing guest', async () => {
    const [near, far] = duplexPair();
    far.on('data', (data: Buffer) => far.write(`echo ${data.toString()}`));
    const agent: AgentApi = {
      consoleOutput: async (id, bytes) => {
        if (id !== 'g') throw new NotFound('agent.guest.absent', 'no such guest');
        return Buffer.from(`last ${bytes}`);
      },
      openVnc: async () => near,
      diagnostics: () => Promise.reject(new Error('not here')),
      setPassword: async (id, user, password) => ({ kind: 'refused', reason: `${id} ${user} ${password}` }),
    };
    const client = createAgentClient({ socketPath: await serve(createAgentServer(agent, silentLog)) });
    expect((await client.consoleOutput('g', 10)).toString()).toBe('last 10');
    await expect(client.consoleOutput('x', 10)).rejects.toThrow('no such guest');
    expect(await client.setPassword('g', 'root', 'p w')).toEqual({ kind: 'refused', reason: 'g root p w' });
    const stream = await client.openVnc('g');
    const answer = new Promise((resolve) => stream.once('data', (data: Buffer) => resolve(data.toString())));
    stream.write('hello');
    expect(await answer).toBe('echo hello');
    stream.destroy();
  });
});
