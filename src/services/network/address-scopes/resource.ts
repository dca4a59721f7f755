import { type Attributes, standardAttributes } from '../resources/attributes.ts';
import { defineResource } from '../resources/resource.ts';
import * as t from '../resources/types.ts';
import { createAddressScope, deleteAddressScope, updateAddressScope, viewAddressScopes } from './logic.ts';
import { addressScopeNotFound, addressScopeSource } from './store.ts';

const { description: _description, ...standard } = standardAttributes;

export const addressScopeAttributes = {
  ...standard,
  name: { type: t.text(), post: true, put: true, default: '', sortable: true },
  ip_version: { type: t.ipVersion, post: true, required: true, sortable: true },
  shared: { type: t.boolean, post: true, put: true, default: false },
} as const satisfies Attributes;

export const addressScopeResource = defineResource({
  singular: 'address_scope',
  plural: 'address_scopes',
  attributes: addressScopeAttributes,
  source: addressScopeSource,
  notFound: addressScopeNotFound,
  view: viewAddressScopes,
  create: createAddressScope,
  update: updateAddressScope,
  remove: deleteAddressScope,
});
