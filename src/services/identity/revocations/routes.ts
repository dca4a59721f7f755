import { type Route, route } from '#kernel/api/route.ts';
import { Forbidden, Gone } from '#kernel/errors.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { readQuery } from '../query.ts';
import { isoTime, parseTime } from '../time.ts';
import { readRevocations } from './revoke.ts';
import type { RevocationRow } from './tables.ts';

export const revocationRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/OS-REVOKE/events',
    name: 'listRevocationEvents',
    policy: 'identity:list_revoke_events',
    handler: async (request) => {
      const { since } = readQuery(request.query);
      const at = since === undefined ? undefined : parseTime(since);
      if (since !== undefined && at === undefined) throw badRequest('input.time', `invalidate date format ${since}`);
      return {
        events: (await readRevocations(deps, at)).map(showEvent),
        links: { next: null, self: `${v3Url(request)}/OS-REVOKE/events`, previous: null },
      };
    },
  }),
  ...['ca', 'certificates'].map((what) =>
    route({
      method: 'GET',
      path: `/v3/OS-SIMPLE-CERT/${what}`,
      name: `showPki-${what}`,
      auth: 'none',
      handler: () => {
        throw new Gone(
          'identity.pki.gone',
          'This API is no longer available due to the removal of support for PKI tokens.',
        );
      },
    }),
  ),
  route({
    method: 'GET',
    path: '/v3/auth/tokens/OS-PKI/revoked',
    name: 'listRevokedTokens',
    auth: 'none',
    handler: () => {
      throw new Forbidden('identity.pki.refused', 'You are not authorized to perform the requested action.');
    },
  }),
];

function showEvent(row: RevocationRow): Record<string, unknown> {
  const { user_id, domain_id, project_id, audit_id, audit_chain_id } = row;
  const event = {
    user_id,
    domain_id,
    project_id,
    audit_id,
    audit_chain_id,
    'OS-TRUST:trust_id': row.trust_id,
    'OS-OAUTH1:consumer_id': row.consumer_id,
    'OS-OAUTH1:access_token_id': row.access_token_id,
    issued_before: isoTime(row.issued_before),
    revoked_at: isoTime(row.revoked_at),
  };
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
}
