/** Rows of the database as lines of text: one JSON array per row, the columns' names on the first line. */
import type { Row } from '#kernel/db/snapshot.ts';

type Cell = string | number | null | { readonly base64: string };

/** @param rows of one table, at least one. */
export function rowsToText(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => JSON.stringify(names.map((name) => toCell(row[name] ?? null))));
  return `${[JSON.stringify(names), ...lines].join('\n')}\n`;
}

/** @throws {Error} when it is not such a text. */
export function textToRows(text: string): Row[] {
  const [head, ...lines] = text.trimEnd().split('\n');
  const names = JSON.parse(head ?? '') as string[];
  return lines.map((line) => {
    const cells = JSON.parse(line) as Cell[];
    if (cells.length !== names.length) throw new Error('a row has not as many values as its table has columns');
    return Object.fromEntries(names.map((name, index) => [name, fromCell(cells[index] ?? null)]));
  });
}

function toCell(value: Row[string]): Cell {
  return Buffer.isBuffer(value) ? { base64: value.toString('base64') } : (value ?? null);
}

function fromCell(cell: Cell): Row[string] {
  return typeof cell === 'object' && cell !== null ? Buffer.from(cell.base64, 'base64') : cell;
}
