import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { errorText, Forbidden } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RequestContext } from './context.ts';
import { type Check, type PolicyInput, parseRule } from './policy-language.ts';

/** One default rule, as in the real service's policy documents. */
export interface PolicyRule {
  /** The real service's name for it: `os_compute_api:servers:create`. */
  readonly name: string;
  /** In oslo.policy's language. */
  readonly check: string;
  /** Scopes that may ask; any when absent. Held against the token when scope enforcement is on. */
  readonly scopes?: readonly ('system' | 'domain' | 'project')[];
  readonly description?: string;
}

/** How often a policy file is looked at, at most. */
const RELOAD_MS = 1_000;
/** A policy file beyond this is not one. */
const MAX_FILE_BYTES = 1024 * 1024;

export interface Policy {
  /** The default rules, for documents. */
  readonly rules: readonly PolicyRule[];
  /**
   * @throws {Forbidden} with the real service's sentence when the rule refuses, or is not known.
   */
  enforce(context: RequestContext, rule: string, target?: Readonly<Record<string, unknown>>): void;
  allows(context: RequestContext, rule: string, target?: Readonly<Record<string, unknown>>): boolean;
}

export interface PolicyOptions {
  readonly rules: readonly PolicyRule[];
  /** `policy.yaml` of this service; read again when it changes; absent is no overrides. */
  readonly file?: string | undefined;
  readonly log: Log;
  /** Milliseconds that only go forward. */
  readonly monotonicMs: () => number;
  /** The refusal's sentence; services differ. */
  readonly refusal?: (rule: string) => string;
}

/**
 * Builds one service's policy: its default rules, overridden by an oslo.policy `policy.yaml`.
 * @throws {SyntaxError} when a default rule cannot be parsed.
 */
export function createPolicy(options: PolicyOptions): Policy {
  const defaults = new Map(options.rules.map((rule) => [rule.name, parseRule(rule.check)]));
  const overrides = createOverrides(options);
  const refusal = options.refusal ?? ((rule) => `Policy doesn't allow ${rule} to be performed.`);

  const allows = (context: RequestContext, name: string, target: Readonly<Record<string, unknown>> = {}): boolean => {
    const overriding = overrides();
    const lookUp = (rule: string): Check | undefined => overriding.get(rule) ?? defaults.get(rule);
    const check = lookUp(name) ?? lookUp('default');
    if (check === undefined) return false;
    const input: PolicyInput = { credentials: credentialsOf(context), target };
    return check(input, lookUp);
  };
  return {
    rules: options.rules,
    allows,
    enforce(context, name, target) {
      if (!allows(context, name, target))
        throw new Forbidden('policy.refused', refusal(name), { type: 'PolicyNotAuthorized' });
    },
  };
}

/** The caller as rules see it: oslo.context's `to_policy_values`. */
function credentialsOf(context: RequestContext): Readonly<Record<string, unknown>> {
  return {
    user_id: context.userId,
    user_domain_id: context.userDomainId,
    project_id: context.projectId,
    tenant_id: context.projectId,
    tenant: context.projectId,
    project_domain_id: context.projectDomainId,
    domain_id: context.domainId,
    system_scope: context.isSystemScoped ? 'all' : null,
    roles: context.roles,
    is_admin: context.roles.includes('admin'),
    is_admin_project: context.isAdminProject,
    trust_id: context.trustId,
    token: context.details,
  };
}

function createOverrides({ file, log, monotonicMs }: PolicyOptions): () => ReadonlyMap<string, Check> {
  let rules: ReadonlyMap<string, Check> = new Map();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let seen = '';
  return () => {
    if (file === undefined || monotonicMs() - lookedAtMs < RELOAD_MS) return rules;
    lookedAtMs = monotonicMs();
    const stat = statSync(file, { throwIfNoEntry: false });
    const mark = stat === undefined ? 'absent' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
    if (mark === seen) return rules;
    seen = mark;
    try {
      rules = stat === undefined ? new Map() : readRules(file, stat.size);
    } catch (error) {
      log.error({ file, error: errorText(error) }, 'policy file is not usable, the rules before it stay in force');
    }
    return rules;
  };
}

function readRules(file: string, size: number): ReadonlyMap<string, Check> {
  if (size > MAX_FILE_BYTES) throw new RangeError(`larger than ${MAX_FILE_BYTES} bytes`);
  const content: unknown = parse(readFileSync(file, 'utf8'));
  if (content === null) return new Map();
  if (typeof content !== 'object' || Array.isArray(content))
    throw new SyntaxError('not a mapping of rule names to rules');
  return new Map(Object.entries(content).map(([name, rule]) => [name, parseRule(String(rule))]));
}
