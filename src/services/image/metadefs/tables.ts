import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';

export interface NamespaceRow {
  id: string;
  /** Its name, such as `OS::Compute::Hypervisor`: unique in the cloud. */
  namespace: string;
  display_name: string | null;
  description: string | null;
  visibility: 'public' | 'private';
  is_protected: Bit;
  owner: string | null;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export type ItemKind = 'object' | 'property' | 'tag';

/** An object, property or tag of a namespace. */
export interface ItemRow {
  namespace_id: string;
  kind: ItemKind;
  name: string;
  /** All but the name, as it was given. */
  body: JsonText<Readonly<Record<string, unknown>>>;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface ResourceTypeRow {
  name: string;
  created_at: EpochMs;
  updated_at: EpochMs;
}

/** To which type of resource a namespace's properties can be given. */
export interface AssociationRow {
  namespace_id: string;
  resource_type: string;
  prefix: string | null;
  properties_target: string | null;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface MetadefTables {
  metadef_namespaces: NamespaceRow;
  metadef_items: ItemRow;
  metadef_resource_types: ResourceTypeRow;
  metadef_associations: AssociationRow;
}
