import { type TSchema, Type } from 'typebox';
import type { RouteDocuments } from '#kernel/api/route.ts';
import type { Attribute } from './attributes.ts';
import type { Resource } from './resource.ts';

/** Bodies are checked attribute by attribute (`body.ts`), in neutron's words: the envelope only has to be JSON. */
export const AnyBody = Type.Unknown();

/** What neutron's queries take beside attributes. */
const PAGING = {
  limit: Type.Integer({ minimum: 0, description: 'Items of one page.' }),
  marker: Type.String({ description: 'The id after which the page begins.' }),
  page_reverse: Type.Boolean(),
  sort_key: Type.Array(Type.String()),
  sort_dir: Type.Array(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
  fields: Type.Array(Type.String(), { description: 'The attributes to show; all unless given.' }),
};

const LINKS = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }));

type Operation = 'list' | 'show' | 'create' | 'update' | 'remove';

/** What the five operations of a resource take and answer, as its attributes have it, and the rules that they are held to. */
export function documentsOf(resource: Resource): Readonly<Record<Operation, () => RouteDocuments>> {
  const { singular, plural, source } = resource;
  const attributes = Object.entries(resource.attributes);
  // Who may not see an attribute does not get it, and `fields` leaves others out: none is sure to be there.
  const shown = (): TSchema => fieldsOf(attributes, false);
  const created = (): TSchema => fieldsOf(attributes.filter(([, { post }]) => post === true));
  const changed = (): TSchema =>
    fieldsOf(
      attributes.filter(([, { put }]) => put === true),
      false,
    );
  const one = (schema: TSchema): TSchema => Type.Object({ [singular]: schema });
  const many = (schema: TSchema): TSchema => Type.Object({ [plural]: Type.Array(schema) });
  const filters = attributes.filter(([name]) => Object.hasOwn(source.filters, name));
  return {
    list: () => ({
      query: Type.Object({
        ...Object.fromEntries(filters.map(([name]) => [name, Type.Array(Type.String())])),
        ...PAGING,
      }),
      response: Type.Object({ [plural]: Type.Array(shown()), [`${plural}_links`]: Type.Optional(LINKS) }),
      policies: [`get_${singular}`],
    }),
    show: () => ({
      query: Type.Object({ fields: PAGING.fields }),
      response: one(shown()),
      policies: [`get_${singular}`],
    }),
    create: () => ({
      body: resource.isBulk === true ? Type.Union([one(created()), many(created())]) : one(created()),
      response: resource.isBulk === true ? Type.Union([one(shown()), many(shown())]) : one(shown()),
      policies: [`create_${singular}`],
    }),
    update: () => ({ body: one(changed()), response: one(shown()), policies: [`update_${singular}`] }),
    remove: () => ({ policies: [`delete_${singular}`] }),
  };
}

function fieldsOf(attributes: readonly (readonly [string, Attribute])[], hasRequired = true): TSchema {
  return Type.Unsafe({
    type: 'object',
    ...(hasRequired
      ? { required: attributes.filter(([, { required }]) => required === true).map(([name]) => name) }
      : {}),
    properties: Object.fromEntries(
      attributes.map(([name, attribute]) => [
        name,
        hasRequired && 'default' in attribute
          ? { ...attribute.type.schema, default: attribute.default }
          : attribute.type.schema,
      ]),
    ),
  });
}
