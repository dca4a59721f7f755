import { type Moment, make, pickEntry, remove, told, type Weighted } from './operation.ts';

const MAX_IMAGES = 4;

async function createImage(moment: Moment): Promise<string | undefined> {
  const { chance, ledger, user } = moment;
  if (ledger.living('image', user.project).length >= MAX_IMAGES) return undefined;
  const body = { name: `image-${chance.below(1_000)}`, disk_format: 'raw', container_format: 'bare' };
  const asked = { service: 'image', line: 'POST /v2/images', body };
  return make(moment, 'image', asked, { read: (answer) => answer.id, fields: { name: body.name } });
}

async function upload(moment: Moment): Promise<string | undefined> {
  const { chance, user, world } = moment;
  const image = pickEntry(moment, 'image');
  if (image === undefined) return undefined;
  const line = `PUT /v2/images/${image.id}/file`;
  return told(line, undefined, await world.ask(user, 'image', line, Buffer.alloc(1 + chance.below(4_096), 1)));
}

async function deleteImage(moment: Moment): Promise<string | undefined> {
  const image = pickEntry(moment, 'image');
  if (image === undefined) return undefined;
  return remove(moment, image, { service: 'image', line: `DELETE /v2/images/${image.id}` });
}

async function readImage(moment: Moment): Promise<string | undefined> {
  const image = pickEntry(moment, 'image');
  if (image === undefined) return undefined;
  const line = `GET /v2/images/${image.id}/file`;
  return told(line, undefined, await moment.world.ask(moment.user, 'image', line));
}

/** What users do with images, and how often. */
export const imageOperations: readonly Weighted[] = [
  [2, 'create image', createImage],
  [3, 'upload image', upload],
  [1, 'read image', readImage],
  [1, 'delete image', deleteImage],
];
