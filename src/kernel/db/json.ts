/** JSON kept in a text column. The brand says what shape comes out again. */
export type JsonText<T> = string & { readonly __json?: T };

/** Writes a value for a JSON column. */
export function toJson<T>(value: T): JsonText<T> {
  return JSON.stringify(value);
}

/** Reads a JSON column. */
export function fromJson<T>(text: JsonText<T>): T {
  return JSON.parse(text) as T;
}

/** A boolean column: neither database has a real one. */
export type Bit = 0 | 1;

export function toBit(value: boolean): Bit {
  return value ? 1 : 0;
}

/** A time column: whole milliseconds since 1970. */
export type EpochMs = number;
