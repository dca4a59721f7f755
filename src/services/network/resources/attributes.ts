import type { AttributeType } from './types.ts';
import * as t from './types.ts';

/** One attribute of a resource: who may set it when. Whatever isn't named here is refused as unrecognized. */
export interface Attribute<T = unknown> {
  readonly type: AttributeType<T>;
  /** May stand in a POST. */
  readonly post?: true;
  /** May stand in a PUT. */
  readonly put?: true;
  /** Must stand in a POST. */
  readonly required?: true;
  /** The value of a POST that doesn't name it; stating it explicitly is free of the attribute's own policy. */
  readonly default?: T;
  /** May be given in a query to list by; a store's filter of the same name decides how. */
  readonly sortable?: true;
}

export type Attributes = Readonly<Record<string, Attribute>>;

type ValueOf<A> = A extends { readonly type: AttributeType<infer T> } ? T : never;

/** What a POST gives: required attributes and those with a default are always there. */
export type NewValues<A extends Attributes> = {
  readonly [K in keyof A as A[K] extends { required: true } | { default: unknown } ? K : never]: ValueOf<A[K]>;
} & { readonly [K in keyof A]?: ValueOf<A[K]> | undefined };

/** What a PUT gives: only what is to change. */
export type Changes<A extends Attributes> = { readonly [K in keyof A]?: ValueOf<A[K]> | undefined };

/** Attributes that every resource has. */
export const standardAttributes = {
  id: { type: t.uuid, sortable: true },
  project_id: { type: t.text(), post: true, sortable: true },
  tenant_id: { type: t.text(), post: true, sortable: true },
  description: { type: t.text(), post: true, put: true, default: '', sortable: true },
  revision_number: { type: t.integer(0, Number.MAX_SAFE_INTEGER), sortable: true },
  created_at: { type: t.text(), sortable: true },
  updated_at: { type: t.text(), sortable: true },
} as const satisfies Attributes;

/** `name` where it may be empty. */
export const nameAttribute = {
  name: { type: t.text(), post: true, put: true, default: '', sortable: true },
} as const satisfies Attributes;

/** `tags`, readable everywhere and set through the tags operations. */
export const tagsAttribute = { tags: { type: t.list(t.text()) } } as const satisfies Attributes;
