/** What a backup says of itself. It is the archive's last entry: a copy that was cut short has none. */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

export const MANIFEST_PATH = 'manifest.json';
/** Rises when an older program could not read it any more. */
export const FORMAT = 1;

const Entry = Type.Object({
  path: Type.String(),
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});

const ManifestSchema = Type.Object({
  format: Type.Literal(FORMAT),
  /** The version of the program that made it. */
  program: Type.String(),
  cloudId: Type.String(),
  takenAt: Type.String(),
  database: Type.Object({
    schemaSteps: Type.Array(Type.String()),
    /** Rows of each table. */
    tables: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
  }),
  entries: Type.Array(Entry),
  /** What is not in it, in words. */
  leftOut: Type.Array(Type.String()),
});

export type Manifest = Static<typeof ManifestSchema>;
export type ManifestEntry = Static<typeof Entry>;

/** @throws {Error} when it is of a newer program, or no manifest at all. */
export function parseManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text);
  if (Value.Check(ManifestSchema, value)) return value;
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (typeof format === 'number' && format > FORMAT)
    throw new Error(`the backup has format ${format}, this version of Pileus reads ${FORMAT}: use a newer one`);
  throw new Error('its manifest is not one of a backup of Pileus');
}
