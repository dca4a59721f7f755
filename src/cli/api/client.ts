import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { CUSTOMARY_PORTS } from '../../controller/settings.ts';

/** A cloud as its administrator reaches it: by the public APIs, like everybody else. */
export interface CloudClient {
  readonly projectId: string;
  get<T>(service: string, path: string): Promise<T>;
  post<T>(service: string, path: string, body: unknown): Promise<T>;
  put<T>(service: string, path: string, body: unknown): Promise<T>;
  delete<T = void>(service: string, path: string, body?: unknown): Promise<T>;
  /** Sends a file's bytes. */
  upload(service: string, path: string, body: ReadableStream | Uint8Array): Promise<void>;
}

/** An answer that is not a success; the message is the service's own. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** What the command line asks of a service's API; the newest microversion that the commands need. */
const COMPUTE_VERSION = 'compute 2.93';
/** No call of the command line's takes longer, but uploads. */
const CALL_MS = 60_000;

interface Login {
  readonly auth_url: string;
  readonly username: string;
  readonly password: string;
  readonly project_name: string;
}

interface TokenBody {
  readonly token: {
    readonly project: { readonly id: string };
    readonly catalog: readonly {
      readonly type: string;
      readonly endpoints: readonly { readonly interface: string; readonly url: string }[];
    }[];
  };
}

/**
 * Logs in with the `pileus` entry of a `clouds.yaml`.
 * @throws {ApiError} when the password is wrong; a plain error when nobody answers.
 */
export async function logIn(cloudsYamlFile: string): Promise<CloudClient> {
  const { clouds } = parse(readFileSync(cloudsYamlFile, 'utf8')) as { clouds: { pileus: { auth: Login } } };
  const { auth } = clouds.pileus;
  const domain = { name: 'Default' };
  const response = await call(`${auth.auth_url}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: auth.username, domain, password: auth.password } },
        },
        scope: { project: { name: auth.project_name, domain } },
      },
    }),
  });
  const token = response.headers.get('x-subject-token') ?? '';
  const { token: body } = (await response.json()) as TokenBody;
  const urlOf = (service: string): string => {
    if (service === 'operations') return operationsUrl(auth.auth_url);
    const endpoint = body.catalog
      .find((entry) => entry.type === service)
      ?.endpoints.find((each) => each.interface === 'public');
    if (endpoint === undefined) throw new Error(`The catalog has no ${service}.`);
    return endpoint.url.replace(/\/$/, '');
  };
  const headers = { 'x-auth-token': token, 'openstack-api-version': COMPUTE_VERSION };
  const json = async <T>(method: string, service: string, path: string, content?: unknown): Promise<T> => {
    const answer = await call(urlOf(service) + path, {
      method,
      headers: content === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    });
    const text = await answer.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  return {
    projectId: body.project.id,
    get: (service, path) => json('GET', service, path),
    post: (service, path, content) => json('POST', service, path, content),
    put: (service, path, content) => json('PUT', service, path, content),
    delete: (service, path, content) => json('DELETE', service, path, content),
    async upload(service, path, content) {
      await fetch(urlOf(service) + path, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/octet-stream' },
        body: content,
        duplex: 'half',
      } as RequestInit).then(check);
    },
  };
}

/** Beyond OpenStack's catalog: on the dashboard's port of the same address. */
function operationsUrl(authUrl: string): string {
  return `http://${new URL(authUrl).hostname}:${CUSTOMARY_PORTS.dashboard}/operations`;
}

async function call(url: string, init: RequestInit): Promise<Response> {
  return check(await fetch(url, { ...init, signal: AbortSignal.timeout(CALL_MS) }));
}

async function check(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  throw new ApiError(response.status, `${response.url} answered ${response.status}: ${messageOf(text)}`);
}

/** The sentence inside any service's envelope. */
function messageOf(text: string): string {
  try {
    const found = findMessage(JSON.parse(text));
    return found ?? text.slice(0, 500);
  } catch {
    return text.slice(0, 500);
  }
}

function findMessage(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { message, detail } = value as Record<string, unknown>;
  if (typeof message === 'string') return message;
  if (typeof detail === 'string') return detail;
  for (const inner of Object.values(value)) {
    const found = findMessage(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
