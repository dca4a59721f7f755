/** Columns that a terminal gives a text: two for each Chinese sign. */
export function widthOf(text: string): number {
  return text.length + (text.match(/[\u2e80-\u9fff\uff00-\uff60]/g)?.length ?? 0);
}

/** A text with blanks up to so many columns; a wider one stays whole. */
export function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}
