import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONSOLE_PAGE } from './logic.ts';

export interface Asset {
  readonly body: Buffer;
  readonly contentType: string;
  readonly etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/**
 * Everything that the proxy serves, by path: its own page, and noVNC's modules below `/novnc/`. All is read at the start,
 * so that no request ever names a file.
 */
export function loadConsoleAssets(): ReadonlyMap<string, Asset> {
  const own = fileURLToPath(new URL('./assets/console', import.meta.url));
  // `…/@novnc/novnc/core/rfb.js` is what the package exports.
  const novnc = fileURLToPath(new URL('..', import.meta.resolve('@novnc/novnc')));
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(own)) assets.set(`/console/${name}`, assetOf(join(own, name)));
  for (const folder of ['core', 'vendor']) {
    for (const name of readdirSync(join(novnc, folder), { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.js')) assets.set(`/novnc/${folder}/${name}`, assetOf(join(novnc, folder, name)));
    }
  }
  const page = assets.get('/console/page.html');
  if (page === undefined) throw new Error('the console page is missing');
  for (const path of ['/', CONSOLE_PAGE, '/vnc_auto.html', '/vnc.html']) assets.set(path, page);
  return assets;
}

function assetOf(path: string): Asset {
  const body = readFileSync(path);
  return {
    body,
    contentType: CONTENT_TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`,
  };
}
