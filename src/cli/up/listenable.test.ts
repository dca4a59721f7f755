import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { requireListenable } from './listenable.ts';

describe('the look at ports before a start', () => {
  it('names the port that another program has, and how to find the program', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, () => resolve()));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(requireListenable('127.0.0.1', { identity: port })).rejects.toThrow(`sport = :${port}`);
    await new Promise((resolve) => server.close(resolve));
    await expect(requireListenable('127.0.0.1', { identity: port })).resolves.toBeUndefined();
  });

  it('tells an address that this machine does not have', async () => {
    await expect(requireListenable('192.0.2.1', { identity: 0 })).rejects.toThrow('ip -brief address');
  });
});
