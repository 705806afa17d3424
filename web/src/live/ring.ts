// SPDX-License-Identifier: MIT
// The newest rows of a table of numbers. Every value is written twice, `capacity` apart, so that the newest rows of a
// column always lie side by side and can be drawn without copying.

export class Ring<Name extends string> {
  readonly names: readonly Name[];
  readonly capacity: number;
  /** Rows there have ever been. */
  pushed = 0;
  readonly #columns: ReadonlyMap<Name, Float64Array>;

  constructor(names: readonly Name[], capacity: number) {
    this.names = names;
    this.capacity = capacity;
    this.#columns = new Map(names.map((name) => [name, new Float64Array(2 * capacity)]));
  }

  get length(): number {
    return Math.min(this.pushed, this.capacity);
  }

  /** A row; NaN stands for null and for what is not named. */
  push(row: Partial<Record<Name, number | null>>): void {
    const at = this.pushed % this.capacity;
    for (const [name, column] of this.#columns) {
      const value = row[name] ?? Number.NaN;
      column[at] = value;
      column[at + this.capacity] = value;
    }
    this.pushed++;
  }

  clear(): void {
    this.pushed = 0;
  }

  /** The rows of a column, oldest first: a view that the next push() may change. */
  column(name: Name): Float64Array {
    const column = this.#columns.get(name);
    if (!column) throw new Error(`no column '${name}'`);
    const start = this.pushed <= this.capacity ? 0 : this.pushed % this.capacity;
    return column.subarray(start, start + this.length);
  }

  /** Is anything known of this column? */
  has(name: Name): boolean {
    return this.column(name).some((value) => !Number.isNaN(value));
  }
}
