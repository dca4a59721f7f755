import { type Attributes, standardAttributes, tagsAttribute } from '../resources/attributes.ts';
import * as t from '../resources/types.ts';

/** Prefixes of one pool; each is looked through at every allocation. */
const MAX_PREFIXES = 256;
const prefixLength = { type: t.integer(0, 128), post: true, put: true, sortable: true } as const;

export const subnetPoolAttributes = {
  ...standardAttributes,
  ...tagsAttribute,
  name: { type: t.notEmptyText, post: true, put: true, required: true, sortable: true },
  prefixes: { type: t.list(t.cidr, MAX_PREFIXES), post: true, put: true, required: true },
  ip_version: { type: t.ipVersion, sortable: true },
  default_prefixlen: prefixLength,
  min_prefixlen: prefixLength,
  max_prefixlen: prefixLength,
  default_quota: { type: t.integerOrNull(0, Number.MAX_SAFE_INTEGER), post: true, put: true },
  is_default: { type: t.boolean, post: true, put: true, default: false },
  shared: { type: t.boolean, post: true, default: false },
  address_scope_id: { type: t.uuidOrNull, post: true, put: true, default: null, sortable: true },
} as const satisfies Attributes;
