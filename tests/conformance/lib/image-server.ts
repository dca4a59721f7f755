/** A place on the web with one image: what web-download and locations want. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const IMAGE_BYTES = 1024 * 1024;

export interface ImageServer {
  readonly url: string;
  readonly port: number;
  stop(): void;
}

/** Serves a raw image of zeros at any path. */
export async function serveImage(address: string): Promise<ImageServer> {
  const image = Buffer.alloc(IMAGE_BYTES);
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': image.length });
    response.end(request.method === 'HEAD' ? undefined : image);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://${address}:${port}/conformance.raw`, port, stop: () => server.close() };
}
