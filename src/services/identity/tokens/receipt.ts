/**
 * More than one proof. A user may have rules that say which methods together let it in; who has shown some of them gets a
 * receipt, and shows it again with the rest.
 * @see https://docs.openstack.org/keystone/latest/admin/multi-factor-authentication.html
 */

import type { EpochMs } from '#kernel/db/json.ts';
import { fromJson, type JsonText, toJson } from '#kernel/db/json.ts';
import { Unauthorized } from '#kernel/errors.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { unauthorized } from '../errors.ts';
import { findDomain } from '../projects/store.ts';
import { isoTime } from '../time.ts';
import { optionsOf } from '../users/authenticate.ts';
import { getUser } from '../users/store.ts';

interface Receipt {
  readonly kind: 'receipt';
  readonly userId: string;
  readonly methods: readonly string[];
  readonly expiresAt: EpochMs;
}

/** Too few proofs so far. `body` is the whole answer. */
export class MoreProofNeeded extends Unauthorized {
  readonly receipt: string;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(receipt: string, body: Readonly<Record<string, unknown>>) {
    super('identity.auth.more_proof', 'Additional authentications steps required.');
    this.receipt = receipt;
    this.body = body;
  }
}

/**
 * The methods that a receipt vouches for; none without one.
 * @throws {Unauthorized} `identity.auth.receipt` for one that is not ours, over, or another user's.
 */
export function readReceipt(deps: IdentityDeps, sealed: string | undefined, userId: string): readonly string[] {
  if (sealed === undefined || sealed === '') return [];
  const receipt = open(deps, sealed);
  if (receipt === undefined || receipt.userId !== userId || receipt.expiresAt <= nowMs(deps))
    throw unauthorized('receipt');
  return receipt.methods;
}

/**
 * Holds the methods that were proved against the user's rules; methods that this cloud does not have are not asked for.
 * @throws {MoreProofNeeded} with a receipt for what was proved.
 */
export async function checkMethods(
  deps: IdentityDeps,
  userId: string,
  methods: readonly string[],
  known: ReadonlySet<string>,
): Promise<void> {
  const user = await getUser(deps.db, userId);
  const options = optionsOf(user);
  const rules = options.multi_factor_auth_rules ?? [];
  if (options.multi_factor_auth_enabled === false || rules.length === 0) return;
  const shown = new Set(methods);
  if (rules.some((rule) => rule.filter((method) => known.has(method)).every((method) => shown.has(method)))) return;
  const issuedAt = nowMs(deps);
  const expiresAt = issuedAt + deps.config.receiptLifetimeMs;
  const receipt: Receipt = { kind: 'receipt', userId, methods, expiresAt };
  const domain = await findDomain(deps.db, user.domain_id);
  throw new MoreProofNeeded(deps.vault.seal(toJson(receipt)), {
    receipt: {
      methods,
      user: { id: user.id, name: user.name, domain: { id: user.domain_id, name: domain?.name ?? '' } },
      expires_at: isoTime(expiresAt),
      issued_at: isoTime(issuedAt),
    },
    required_auth_methods: rules,
  });
}

function open(deps: IdentityDeps, sealed: string): Receipt | undefined {
  try {
    const receipt = fromJson(deps.vault.open(sealed) as JsonText<Partial<Receipt>>);
    return receipt.kind === 'receipt' ? (receipt as Receipt) : undefined;
  } catch {
    // Whatever it is, it is no receipt of ours.
    return undefined;
  }
}
