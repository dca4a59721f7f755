import { fromJson } from '#kernel/db/json.ts';
import { isoSeconds } from '#kernel/wire-times.ts';
import type { AssociationRow, ItemRow, NamespaceRow, ResourceTypeRow } from './tables.ts';

type View = Record<string, unknown>;

/** What is null is not shown. */
function present(values: View): View {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
}

const times = (row: { readonly created_at: number; readonly updated_at: number }): View => ({
  created_at: isoSeconds(row.created_at),
  updated_at: isoSeconds(row.updated_at),
});

export function viewNamespace(row: NamespaceRow, associations: readonly AssociationRow[]): View {
  return {
    ...present({
      namespace: row.namespace,
      display_name: row.display_name,
      description: row.description,
      visibility: row.visibility,
      owner: row.owner,
    }),
    protected: row.is_protected === 1,
    ...times(row),
    ...(associations.length === 0 ? {} : { resource_type_associations: associations.map(viewAssociation) }),
    self: `/v2/metadefs/namespaces/${row.namespace}`,
    schema: '/v2/schemas/metadefs/namespace',
  };
}

export interface NamespaceParts {
  readonly objects: readonly ItemRow[];
  readonly properties: readonly ItemRow[];
  readonly tags: readonly ItemRow[];
  /** What goes before each property's name. */
  readonly prefix: string;
}

/** What a namespace holds, as far as there is any of it. */
export function viewParts(row: NamespaceRow, { objects, properties, tags, prefix }: NamespaceParts): View {
  return {
    ...(objects.length === 0 ? {} : { objects: objects.map((item) => viewObject(row, item, prefix)) }),
    ...(properties.length === 0 ? {} : { properties: viewProperties(properties, prefix) }),
    ...(tags.length === 0 ? {} : { tags: tags.map(({ name }) => ({ name })) }),
  };
}

export function viewObject({ namespace }: NamespaceRow, row: ItemRow, prefix = ''): View {
  const { properties, required, ...rest } = fromJson(row.body);
  return {
    ...rest,
    name: row.name,
    ...(properties === undefined ? {} : { properties: prefixed(properties as View, prefix) }),
    ...(required === undefined ? {} : { required: (required as string[]).map((name) => prefix + name) }),
    ...times(row),
    self: `/v2/metadefs/namespaces/${namespace}/objects/${row.name}`,
    schema: '/v2/schemas/metadefs/object',
  };
}

export function viewProperty(row: ItemRow): View {
  return { ...fromJson(row.body), name: row.name };
}

/** By their names, which are not repeated inside. */
export function viewProperties(rows: readonly ItemRow[], prefix = ''): View {
  return Object.fromEntries(rows.map((row) => [prefix + row.name, fromJson(row.body)]));
}

export function viewTag(row: ItemRow): View {
  return { name: row.name, ...times(row) };
}

export function viewAssociation(row: AssociationRow): View {
  return {
    ...present({ name: row.resource_type, prefix: row.prefix, properties_target: row.properties_target }),
    ...times(row),
  };
}

export function viewResourceType(row: ResourceTypeRow): View {
  return { name: row.name, ...times(row) };
}

function prefixed(properties: View, prefix: string): View {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [prefix + name, value]));
}
