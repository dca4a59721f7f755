import { type Attributes, nameAttribute, standardAttributes } from '../resources/attributes.ts';
import { defineResource } from '../resources/resource.ts';
import * as t from '../resources/types.ts';
import { createAddressGroup, deleteAddressGroup, updateAddressGroup, viewAddressGroups } from './logic.ts';
import { addressGroupNotFound, addressGroupSource } from './store.ts';

export const addressGroupAttributes = {
  ...standardAttributes,
  ...nameAttribute,
  addresses: { type: t.list(t.addressOrCidr), post: true, default: [] },
  shared: { type: t.boolean, post: true, default: false },
} as const satisfies Attributes;

export const addressGroupResource = defineResource({
  singular: 'address_group',
  plural: 'address_groups',
  attributes: addressGroupAttributes,
  source: addressGroupSource,
  quota: 'address_group',
  notFound: addressGroupNotFound,
  view: viewAddressGroups,
  create: createAddressGroup,
  update: updateAddressGroup,
  remove: deleteAddressGroup,
});
