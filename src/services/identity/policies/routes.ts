import { type Route, route } from '#kernel/api/route.ts';
import { showEndpoint } from '../catalog/view.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import { collection } from '../views.ts';
import {
  attachPolicy,
  changePolicy,
  checkAttached,
  createPolicyDocument,
  detachPolicy,
  endpointsOf,
  policyOf,
  readPolicies,
  readPolicy,
  removePolicy,
  showPolicy,
} from './logic.ts';
import { CreatePolicyBody, UpdatePolicyBody } from './schema.ts';

export const storedPolicyRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/policies',
    name: 'listPolicies',
    policy: 'identity:list_policies',
    handler: (request) => readPolicies(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/policies',
    name: 'createPolicy',
    policy: 'identity:create_policy',
    status: 201,
    body: CreatePolicyBody,
    handler: async (request) => ({
      policy: showPolicy(await createPolicyDocument(deps, request.body.policy), v3Url(request)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v3/policies/:policyId',
    name: 'showPolicy',
    policy: 'identity:get_policy',
    handler: async (request) => ({
      policy: showPolicy(await readPolicy(deps, request.params['policyId'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/policies/:policyId',
    name: 'updatePolicy',
    policy: 'identity:update_policy',
    body: UpdatePolicyBody,
    handler: async (request) => {
      const row = await changePolicy(deps, request.params['policyId'] ?? '', request.body.policy);
      return { policy: showPolicy(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/policies/:policyId',
    name: 'deletePolicy',
    policy: 'identity:delete_policy',
    status: 204,
    handler: ({ params }) => removePolicy(deps, params['policyId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: '/v3/policies/:policyId/OS-ENDPOINT-POLICY/endpoints',
    name: 'listEndpointsOfPolicy',
    policy: 'identity:list_endpoints_for_policy',
    handler: async (request) => {
      const id = request.params['policyId'] ?? '';
      const shown = (await endpointsOf(deps, id)).map((row) => showEndpoint(row, v3Url(request)));
      return collection(v3Url(request), `policies/${id}/OS-ENDPOINT-POLICY/endpoints`, 'endpoints', shown);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/endpoints/:endpointId/OS-ENDPOINT-POLICY/policy',
    name: 'showPolicyOfEndpoint',
    policy: 'identity:get_policy_for_endpoint',
    handler: async (request) => ({
      policy: showPolicy(await policyOf(deps, request.params['endpointId'] ?? ''), v3Url(request)),
    }),
  }),
  // The API reference has it under the policy, too; it answers for the policy itself.
  route({
    method: 'GET',
    path: '/v3/policies/:policyId/OS-ENDPOINT-POLICY/policy',
    name: 'showPolicyOfPolicy',
    policy: 'identity:get_policy_for_endpoint',
    handler: async (request) => ({
      policy: showPolicy(await readPolicy(deps, request.params['policyId'] ?? ''), v3Url(request)),
    }),
  }),
  ...attachmentRoutes(deps, 'endpoint', 'endpoints/:endpointId'),
  ...attachmentRoutes(deps, 'service', 'services/:serviceId'),
  ...attachmentRoutes(deps, 'region_and_service', 'services/:serviceId/regions/:regionId'),
];

function attachmentRoutes(deps: IdentityDeps, kind: string, tail: string): Route[] {
  const path = `/v3/policies/:policyId/OS-ENDPOINT-POLICY/${tail}`;
  const at = (params: Record<string, string>) => ({
    endpoint_id: params['endpointId'] ?? '',
    service_id: params['serviceId'] ?? '',
    region_id: params['regionId'] ?? '',
  });
  return [
    route({
      method: 'PUT',
      path,
      name: `attach-policy-to-${kind}`,
      policy: `identity:create_policy_association_for_${kind}`,
      status: 204,
      handler: ({ params }) => attachPolicy(deps, params['policyId'] ?? '', at(params)),
    }),
    route({
      method: 'GET',
      path,
      name: `check-policy-of-${kind}`,
      policy: `identity:check_policy_association_for_${kind}`,
      status: 204,
      handler: ({ params }) => checkAttached(deps, params['policyId'] ?? '', at(params)),
    }),
    route({
      method: 'DELETE',
      path,
      name: `detach-policy-from-${kind}`,
      policy: `identity:delete_policy_association_for_${kind}`,
      status: 204,
      handler: ({ params }) => detachPolicy(deps, params['policyId'] ?? '', at(params)),
    }),
  ];
}
