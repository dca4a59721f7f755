/** The schema documents of metadata definitions: what clients read, and what bodies are held against. */
import { collectionDocument } from '../schemas/documents.ts';

type Document = Readonly<Record<string, unknown>>;

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string', null];
const time = (description: string): Document => ({ type: 'string', readOnly: true, description, format: 'date-time' });
const readOnlyText = { readOnly: true, type: 'string' };

const propertyFields = {
  name: { type: 'string', maxLength: 80 },
  title: { type: 'string' },
  description: { type: 'string' },
  operators: { type: 'array', items: { type: 'string' } },
  type: { type: 'string', enum: TYPES },
  required: { $ref: '#/definitions/stringArray' },
  minimum: { type: 'number' },
  maximum: { type: 'number' },
  maxLength: { $ref: '#/definitions/positiveInteger' },
  minLength: { $ref: '#/definitions/positiveIntegerDefault0' },
  pattern: { type: 'string', format: 'regex' },
  enum: { type: 'array' },
  readonly: { type: 'boolean' },
  default: {},
  items: { type: 'object', properties: { type: { type: 'string', enum: TYPES }, enum: { type: 'array' } } },
  maxItems: { $ref: '#/definitions/positiveInteger' },
  minItems: { $ref: '#/definitions/positiveIntegerDefault0' },
  uniqueItems: { type: 'boolean', default: false },
  additionalItems: { type: 'boolean' },
};

const numberDefinitions = {
  positiveInteger: { type: 'integer', minimum: 0 },
  positiveIntegerDefault0: { allOf: [{ $ref: '#/definitions/positiveInteger' }, { default: 0 }] },
};

const definitions = {
  ...numberDefinitions,
  stringArray: { type: 'array', items: { type: 'string' }, uniqueItems: true },
  property: {
    type: 'object',
    additionalProperties: { type: 'object', required: ['title', 'type'], properties: propertyFields },
  },
};

const objectFields = {
  name: { type: 'string' },
  description: { type: 'string' },
  required: { $ref: '#/definitions/stringArray' },
  properties: { $ref: '#/definitions/property' },
};

export const namespaceDocument: Document = {
  name: 'namespace',
  properties: {
    namespace: { type: 'string', description: 'The unique namespace text.', maxLength: 80 },
    display_name: {
      type: 'string',
      description: 'The user friendly name for the namespace. Used by UI if available.',
      maxLength: 80,
    },
    description: {
      type: 'string',
      description: 'Provides a user friendly description of the namespace.',
      maxLength: 500,
    },
    visibility: { type: 'string', description: 'Scope of namespace accessibility.', enum: ['public', 'private'] },
    protected: { type: 'boolean', description: 'If true, namespace will not be deletable.' },
    owner: { type: 'string', description: 'Owner of the namespace.', maxLength: 255 },
    created_at: time('Date and time of namespace creation'),
    updated_at: time('Date and time of the last namespace modification'),
    schema: readOnlyText,
    self: readOnlyText,
    resource_type_associations: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, prefix: { type: 'string' }, properties_target: { type: 'string' } },
      },
    },
    properties: { $ref: '#/definitions/property' },
    objects: { type: 'array', items: { type: 'object', properties: objectFields } },
    tags: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
  },
  additionalProperties: false,
  required: ['namespace'],
  definitions,
};

export const objectDocument: Document = {
  name: 'object',
  properties: {
    ...objectFields,
    name: { type: 'string', maxLength: 80 },
    schema: readOnlyText,
    self: readOnlyText,
    created_at: time('Date and time of object creation'),
    updated_at: time('Date and time of the last object modification'),
  },
  additionalProperties: false,
  required: ['name'],
  definitions,
};

const propertyBase: Document = {
  name: 'property',
  properties: propertyFields,
  additionalProperties: false,
  definitions: {
    ...numberDefinitions,
    stringArray: { type: 'array', items: { type: 'string' }, minItems: 1, uniqueItems: true },
  },
};

export const propertyDocument: Document = { ...propertyBase, required: ['type', 'title', 'name'] };

export const associationDocument: Document = {
  name: 'resource_type_association',
  properties: {
    name: {
      type: 'string',
      description:
        'Resource type names should be aligned with Heat resource types whenever possible: https://docs.openstack.org/heat/latest/template_guide/openstack.html',
      maxLength: 80,
    },
    prefix: {
      type: 'string',
      description:
        "The prefix that the namespace's properties get on this type of resource, its separator (a colon) included.",
      maxLength: 80,
    },
    properties_target: {
      type: 'string',
      description:
        'Which of several sets of properties is meant, where a type of resource has more than one: user or image metadata of a volume.',
      maxLength: 80,
    },
    created_at: time('Date and time of resource type association'),
    updated_at: time('Date and time of the last resource type association modification'),
  },
  additionalProperties: false,
  required: ['name'],
};

export const tagDocument: Document = {
  name: 'tag',
  properties: {
    name: { type: 'string', maxLength: 80 },
    created_at: time('Date and time of tag creation'),
    updated_at: time('Date and time of the last tag modification'),
  },
  additionalProperties: false,
  required: ['name'],
};

/** Several tags at once; only ever a body. */
export const tagsDocument: Document = {
  name: 'tags',
  properties: {
    tags: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string', maxLength: 80 } },
        required: ['name'],
        additionalProperties: false,
      },
    },
  },
  additionalProperties: false,
  required: ['tags'],
};

/** By the name in `/v2/schemas/metadefs/<name>`. */
export const metadefDocuments: Readonly<Record<string, Document>> = {
  namespace: namespaceDocument,
  namespaces: collectionDocument('namespaces', namespaceDocument, 'paged'),
  resource_type: associationDocument,
  resource_types: collectionDocument('resource_type_associations', associationDocument, 'paged'),
  property: propertyDocument,
  properties: collectionDocument('properties', { ...propertyBase, required: ['type', 'title'] }, 'paged', 'object'),
  object: objectDocument,
  objects: collectionDocument('objects', objectDocument, 'paged'),
  tag: tagDocument,
  tags: collectionDocument('tags', tagDocument, 'paged'),
};
