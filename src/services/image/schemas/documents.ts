/** The schema documents that clients read: glanceclient builds its models from them. @see glance/schema.py */
import { imageProperties, UUID_PATTERN } from './image.ts';

type Document = Readonly<Record<string, unknown>>;

const COLLECTION_LINKS = [
  { rel: 'first', href: '{first}' },
  { rel: 'next', href: '{next}' },
  { rel: 'describedby', href: '{schema}' },
] as const;

/** A document about lists of `item`, with paging or without. */
export function collectionDocument(
  name: string,
  item: Document,
  kind: 'paged' | 'plain',
  shape: 'array' | 'object' = 'array',
): Document {
  const { definitions, ...bare } = item;
  const members = shape === 'array' ? { type: 'array', items: bare } : { type: 'object', additionalProperties: bare };
  const links = kind === 'paged' ? { first: { type: 'string' }, next: { type: 'string' } } : {};
  return {
    name,
    properties: { [name]: members, ...links, schema: { type: 'string' } },
    links: kind === 'paged' ? COLLECTION_LINKS : [COLLECTION_LINKS[2]],
    ...(definitions === undefined ? {} : { definitions }),
  };
}

export const imageDocument: Document = {
  name: 'image',
  properties: imageProperties,
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};

export const memberDocument: Document = {
  name: 'member',
  properties: {
    member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
    image_id: { type: 'string', description: 'An identifier for the image', pattern: UUID_PATTERN },
    created_at: { type: 'string', description: 'Date and time of image member creation' },
    updated_at: { type: 'string', description: 'Date and time of last modification of image member' },
    status: {
      type: 'string',
      description: 'The status of this image member',
      enum: ['pending', 'accepted', 'rejected'],
    },
    schema: { readOnly: true, type: 'string' },
  },
};

const taskStubProperties = {
  id: { description: 'An identifier for the task', pattern: UUID_PATTERN, type: 'string' },
  type: {
    description: 'The type of task represented by this content',
    enum: ['import', 'api_image_import'],
    type: 'string',
  },
  status: {
    description: 'The current status of this task',
    enum: ['pending', 'processing', 'success', 'failure'],
    type: 'string',
  },
  owner: { description: 'An identifier for the owner of this task', type: 'string' },
  image_id: { description: 'Image associated with the task', type: 'string' },
  request_id: { description: 'Human-readable informative request-id', type: 'string' },
  user_id: { description: 'User associated with the task', type: 'string' },
  expires_at: { description: 'Datetime when this resource would be subject to removal', type: ['null', 'string'] },
  created_at: { description: 'Datetime when this resource was created', type: 'string' },
  updated_at: { description: 'Datetime when this resource was updated', type: 'string' },
  self: { readOnly: true, type: 'string' },
  schema: { readOnly: true, type: 'string' },
};

export const taskDocument: Document = {
  name: 'task',
  properties: {
    ...taskStubProperties,
    input: { description: 'The parameters required by task, JSON blob', type: ['null', 'object'] },
    result: { description: 'The result of current task, JSON blob', type: ['null', 'object'] },
    message: {
      description: 'Human-readable informative message only included when appropriate (usually on failure)',
      type: 'string',
    },
  },
};

export const documents: Readonly<Record<string, Document>> = {
  image: imageDocument,
  images: collectionDocument('images', { ...imageDocument }, 'paged'),
  member: memberDocument,
  members: collectionDocument('members', memberDocument, 'plain'),
  task: taskDocument,
  tasks: collectionDocument('tasks', { name: 'task', properties: taskStubProperties }, 'plain'),
};
