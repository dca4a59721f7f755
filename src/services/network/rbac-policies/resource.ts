import { type Attributes, standardAttributes } from '../resources/attributes.ts';
import { defineResource } from '../resources/resource.ts';
import * as t from '../resources/types.ts';
import { createRbacPolicy, removeRbacPolicy, updateRbacPolicy, viewRbacPolicies } from './logic.ts';
import { rbacPolicyNotFound, rbacPolicySource } from './store.ts';

const { description: _description, ...standard } = standardAttributes;

export const rbacPolicyAttributes = {
  ...standard,
  object_type: {
    type: t.oneOf('network', 'security_group', 'address_scope', 'subnetpool', 'address_group'),
    post: true,
    required: true,
    sortable: true,
  },
  object_id: { type: t.uuid, post: true, required: true, sortable: true },
  action: { type: t.oneOf('access_as_shared', 'access_as_external'), post: true, required: true, sortable: true },
  target_tenant: { type: t.text(), post: true, put: true },
  target_project: { type: t.text(), post: true, put: true },
} as const satisfies Attributes;

export const rbacPolicyResource = defineResource({
  singular: 'rbac_policy',
  plural: 'rbac_policies',
  attributes: rbacPolicyAttributes,
  source: rbacPolicySource,
  quota: 'rbac_policy',
  notFound: rbacPolicyNotFound,
  view: viewRbacPolicies,
  create: createRbacPolicy,
  update: updateRbacPolicy,
  remove: removeRbacPolicy,
});
