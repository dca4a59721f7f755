import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText } from '#kernel/errors.ts';
import type { Metrics } from '#kernel/http/metrics.ts';

/**
 * What the dashboard's port answers outside of the services' paths: Prometheus' metrics, and for now one page, in
 * English and Chinese, that says where everything is.
 */
export function createDashboard(parts: {
  readonly urls: Readonly<Record<string, string>>;
  readonly metrics: Metrics;
}): (request: IncomingMessage, response: ServerResponse) => void {
  const page = renderPage(parts.urls);
  return (request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/metrics') return answerMetrics(parts.metrics, response);
    const isHome = path === '/' && (request.method === 'GET' || request.method === 'HEAD');
    response.writeHead(isHome ? 200 : 404, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    response.end(isHome ? page : 'Not Found');
  };
}

function answerMetrics(metrics: Metrics, response: ServerResponse): void {
  metrics.registry.metrics().then(
    (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
    (error: unknown) => response.writeHead(500).end(errorText(error)),
  );
}

/** Every URL is of our own making; it is escaped all the same. */
function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function renderPage(urls: Readonly<Record<string, string>>): string {
  const rows = Object.entries(urls).map(
    ([type, url]) => `<tr><td>${escapeHtml(type)}<td><code>${escapeHtml(url)}</code>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pileus</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 10vh auto; padding: 0 1rem }
h1 { font-weight: 600; letter-spacing: -.02em }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0 }
td { padding: .35rem .75rem .35rem 0; border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
</style>
<h1>Pileus</h1>
<p>This cloud is up. The dashboard is still to come; every OpenStack client works with these addresses.</p>
<p lang="zh">云正在运行。控制面板尚未完成；任何 OpenStack 客户端都可以使用以下地址。</p>
<table>${rows.join('')}</table>
<p><code>source openrc &amp;&amp; openstack server list</code></p>
</html>
`;
}
