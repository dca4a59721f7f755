import { BadRequest } from '#kernel/errors.ts';
import type { Image } from './store.ts';

/** @throws {BadRequest} when an image lacks what it must have before data can be saved. */
export function checkFormatsSet({ row }: Pick<Image, 'row'>): void {
  const missing = (['disk_format', 'container_format'] as const).filter(
    (name) => row[name] === null || row[name] === '',
  );
  if (missing.length === 0) return;
  throw new BadRequest(
    'image.formats.missing',
    `${missing.length === 1 ? 'Property' : 'Properties'} ${missing.join(', ')} must be set prior to saving data.`,
  );
}
