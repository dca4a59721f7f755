import { type DomainId, newRequestId, type ProjectId, type UserId } from '../ids.ts';
import type { AccessRule } from './access-rules.ts';

/** Who asks, and with what: what a token says, once it has been checked. */
export interface Identity {
  readonly userId: UserId;
  readonly userName: string;
  readonly userDomainId: DomainId;
  readonly userDomainName: string;
  /** The scope: a project, a domain, the system, or nothing (an unscoped token). */
  readonly projectId: ProjectId | null;
  readonly projectName: string | null;
  readonly projectDomainId: DomainId | null;
  readonly domainId: DomainId | null;
  readonly isSystemScoped: boolean;
  /** Names of roles, implied ones included, in lower case. */
  readonly roles: readonly string[];
  readonly isAdminProject: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The token itself, for what must be done again in its name. Never log it. */
  readonly token: string;
  /** Set when the token came from one; limits what it may do. */
  readonly applicationCredentialId: string | null;
  readonly trustId: string | null;
  /** All that the token may be used for; absent where nothing but roles limits it. */
  readonly accessRules?: readonly AccessRule[];
  /** Any more that identity wants back with the token (its own business). */
  readonly details: unknown;
}

/** One request, from the socket to the last call it causes in another service. */
export interface RequestContext extends Identity {
  readonly requestId: string;
  /** False only on the few routes that ask for no token. */
  readonly isAuthenticated: boolean;
  /** The address of the caller, for logs. */
  readonly remoteAddress: string;
}

const NOBODY: Identity = {
  userId: '',
  userName: '',
  userDomainId: '',
  userDomainName: '',
  projectId: null,
  projectName: null,
  projectDomainId: null,
  domainId: null,
  isSystemScoped: false,
  roles: [],
  isAdminProject: false,
  expiresAt: 0,
  token: '',
  applicationCredentialId: null,
  trustId: null,
  details: undefined,
};

/** The context of a request without a token. */
export function anonymousContext(requestId: string, remoteAddress: string): RequestContext {
  return { ...NOBODY, requestId, remoteAddress, isAuthenticated: false };
}

/** The context of what the cloud does by itself: tasks and reports. It may do everything, in the name of `projectId`. */
export function systemContext(projectId: ProjectId | null, requestId: string = newRequestId()): RequestContext {
  return {
    ...NOBODY,
    userName: 'pileus',
    projectId,
    isSystemScoped: projectId === null,
    roles: ['admin', 'manager', 'member', 'reader', 'service'],
    requestId,
    remoteAddress: '',
    isAuthenticated: true,
  };
}

/** Checks a token: identity's part in every other service's requests. */
export interface Authenticator {
  /**
   * @returns who the token speaks for, or undefined when it is malformed, expired, revoked, or its user, project or
   *   domain is disabled; why is not for the caller to know.
   */
  authenticate(token: string): Promise<Identity | undefined>;
}
