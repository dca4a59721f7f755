import { randomUUID } from 'node:crypto';

/** A string that says what it names: `ServerId` cannot be passed where a `PortId` is wanted. */
export type Id<Kind extends string> = string & { readonly __id?: Kind };

/** Kinds that more than one service or the protocol speaks of; the others live in their slice. */
export type ProjectId = Id<'project'>;
export type UserId = Id<'user'>;
export type DomainId = Id<'domain'>;
export type ServerId = Id<'server'>;
export type ImageId = Id<'image'>;
export type FlavorId = Id<'flavor'>;
export type NetworkId = Id<'network'>;
export type SubnetId = Id<'subnet'>;
export type PortId = Id<'port'>;
export type RouterId = Id<'router'>;
export type SecurityGroupId = Id<'security group'>;
export type HostId = Id<'host'>;

/** `8-4-4-4-12`, as compute, image, network and block storage name things. */
export function newUuid(): string {
  return randomUUID();
}

/** 32 hexadecimal digits, as identity names things. */
export function newHexId(): string {
  return randomUUID().replaceAll('-', '');
}

/** `req-<uuid>`, the id that every response carries. */
export function newRequestId(): string {
  return `req-${randomUUID()}`;
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Whether a text is a UUID, with or without dashes (oslo.utils' `is_uuid_like`). */
export function isUuidLike(text: string): boolean {
  return UUID.test(text);
}
