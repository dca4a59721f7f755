import { once } from 'node:events';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type ComputeUnderTest, PROJECT, startCompute } from '#tests/api/compute.ts';
import { HOST, heartbeatOf } from '#tests/api/compute-hosts.ts';
import { insertServers } from '#tests/api/compute-rows.ts';

const ORIGIN = 'http://cloud.example:6080';

let compute: ComputeUnderTest;
let proxy: Server;
let server: string;
/** Guests whose screens were opened. */
let opened: string[];

beforeEach(async () => {
  opened = [];
  compute = await startCompute({
    agents: {
      agentOf: () => ({
        consoleOutput: () => Promise.reject(new Error('not asked for')),
        diagnostics: () => Promise.reject(new Error('not asked for')),
        setPassword: () => Promise.reject(new Error('not asked for')),
        openVnc: async (guestId) => {
          opened.push(guestId);
          return echo();
        },
      }),
    },
  });
  await compute.service.heartbeat(HOST, heartbeatOf(HOST, 'one'));
  [server = ''] = await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST });
  proxy = compute.service.createConsoleProxy({ publicUrl: ORIGIN, frameAncestors: ['http://cloud.example:8787'] });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});
afterEach(async () => {
  proxy.close();
  await compute.close();
});

/** A screen that greets and says everything again. */
function echo(): Duplex {
  const out = new PassThrough();
  out.write('RFB 003.008\n');
  return Duplex.from({ readable: out, writable: out });
}

async function tokenFor(id: string): Promise<string> {
  const { body } = await compute.ask(`POST /v2.1/servers/${id}/remote-consoles`, {
    as: 'member',
    body: { remote_console: { protocol: 'vnc', type: 'novnc' } },
  });
  return new URLSearchParams(new URL(body.remote_console.url).searchParams.get('path')?.slice(1)).get('token') ?? '';
}

const address = (): string => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

interface Outcome {
  readonly status: number;
  readonly first: string;
  readonly socket: WebSocket | undefined;
}

/** Opens a web socket and waits for the screen's first words, or for the refusal. */
function dial(path: string, headers: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${address()}${path}`, ['binary'], { headers });
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, first: '', socket: undefined });
    });
    socket.once('message', (data: Buffer) => resolve({ status: 101, first: data.toString(), socket }));
    socket.on('error', reject);
  });
}

function get(path: string): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    // Not fetch, which would tidy the path up.
    request({ host: '127.0.0.1', port: (proxy.address() as AddressInfo).port, path }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    })
      .on('error', reject)
      .end();
  });
}

describe('a console', () => {
  it('is given as an address of noVNC to members of the server’s project', async () => {
    const ask = (as: 'member' | 'reader' | 'stranger', console: object, version = 'latest') =>
      compute.ask(`POST /v2.1/servers/${server}/remote-consoles`, { as, version, body: { remote_console: console } });
    const vnc = { protocol: 'vnc', type: 'novnc' };
    const { status, body } = await ask('member', vnc);
    expect([status, body.remote_console]).toMatchObject([200, vnc]);
    expect((await ask('reader', vnc)).status).toBe(403);
    expect((await ask('stranger', vnc)).status).toBe(403);
    expect((await ask('member', vnc, '2.5')).status).toBe(404);
    const spice = await ask('member', { protocol: 'spice', type: 'spice-html5' });
    expect([spice.status, spice.body.badRequest.message]).toEqual([400, 'Unavailable console type spice-html5.']);
    expect((await ask('member', { protocol: 'vnc', type: 'telnet' })).status).toBe(400);
    expect((await ask('member', { protocol: 'mks', type: 'webmks' }, '2.7')).status).toBe(400);
  });

  it('is not there for a server that is not, or has no host yet', async () => {
    const ask = (id: string) =>
      compute.ask(`POST /v2.1/servers/${id}/remote-consoles`, {
        as: 'member',
        body: { remote_console: { protocol: 'vnc', type: 'novnc' } },
      });
    const [building = ''] = await insertServers(compute.db, 1, { project_id: PROJECT, host_id: null });
    expect((await ask(building)).status).toBe(409);
    expect((await ask('nothing')).status).toBe(404);
  });

  it('carries bytes both ways with its token', async () => {
    const { status, first, socket } = await dial(`/websockify?token=${await tokenFor(server)}`, { origin: ORIGIN });
    expect([status, first, socket?.protocol, socket?.extensions]).toEqual([101, 'RFB 003.008\n', 'binary', '']);
    const answer = once(socket as WebSocket, 'message');
    socket?.send(Buffer.from('hello'));
    expect(String((await answer)[0])).toBe('hello');
    expect(opened).toEqual([server]);
    socket?.close();
  });

  it('opens by the path that noVNC of old asks for', async () => {
    const { status, socket } = await dial(`/?token=${await tokenFor(server)}`);
    expect(status).toBe(101);
    socket?.close();
  });

  it('keeps no token that could be read back', async () => {
    const token = await tokenFor(server);
    const rows = await compute.db.selectFrom('console_tokens').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});

describe('nobody gets to a console', () => {
  it.each(['', '?token=', '?token=nonsense', `?token=${'x'.repeat(10_000)}`, '?path=%3Ftoken%3Dnonsense'])(
    'with the bad token in %.40s',
    async (query) => {
      expect((await dial(`/websockify${query}`)).status).toBe(403);
      expect(opened).toEqual([]);
    },
  );

  it('with a token that has run out', async () => {
    const token = await tokenFor(server);
    await compute.clock.advance(601_000);
    expect((await dial(`/websockify?token=${token}`)).status).toBe(403);
  });

  it('of a server that has been deleted since', async () => {
    const token = await tokenFor(server);
    await compute.db.updateTable('servers').set({ deleted_at: 1 }).where('id', '=', server).execute();
    expect((await dial(`/websockify?token=${token}`)).status).toBe(403);
    expect(opened).toEqual([]);
  });

  it.each(['http://evil.example', 'http://cloud.example:6081', 'https://cloud.example:6080', 'null'])(
    'from a page of another origin, %s, whatever the Host header says',
    async (origin) => {
      const token = await tokenFor(server);
      const host = origin.replace(/^https?:\/\//, '');
      expect((await dial(`/websockify?token=${token}`, { origin, host })).status).toBe(403);
      expect((await dial(`/websockify?token=${token}`, { origin, 'x-forwarded-host': host })).status).toBe(403);
      expect(opened).toEqual([]);
    },
  );
});

describe('the console page', () => {
  it('runs no script but its own, and tells no other site where it is', async () => {
    const { status, headers, text } = await get('/vnc_lite.html?path=%3Ftoken%3Dx');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("script-src 'self';");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'self' http://cloud.example:8787");
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(text).toMatch(/<html.*>/);
    expect(text).not.toMatch(/<script>|<style>| on\w+=| style=/);
  });

  it('comes with every module that it needs', async () => {
    const missing: string[] = [];
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const { status, text, headers } = await get(path);
      if (status !== 200 || headers['content-type'] !== 'text/javascript; charset=utf-8') missing.push(path);
      for (const [, name = ''] of text.matchAll(/^(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"\s]+)['"]/gm))
        await follow(new URL(name, `http://x${path}`).pathname);
    };
    await follow('/console/page.js');
    expect(missing).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });

  it.each(['//evil.example/%2F..', '/novnc/../../package.json', '/novnc/core/%2e%2e/package.json', '/etc/passwd'])(
    'is all there is: %s is 404 and redirects nowhere',
    async (path) => {
      const { status, headers } = await get(path);
      expect([status, headers['location']]).toEqual([404, undefined]);
    },
  );
});

describe('a console token', () => {
  it('tells administrators what it opens, from 2.31 on', async () => {
    const token = await tokenFor(server);
    const ask = (as: 'admin' | 'member', version = 'latest') =>
      compute.ask(`GET /v2.1/os-console-auth-tokens/${token}`, { as, version });
    expect((await ask('admin')).body.console).toMatchObject({ instance_uuid: server, host: 'one' });
    expect((await ask('admin', '2.30')).status).toBe(401);
    expect((await ask('member')).status).toBe(403);
    expect((await compute.ask('GET /v2.1/os-console-auth-tokens/nonsense', { as: 'admin' })).status).toBe(404);
  });
});
