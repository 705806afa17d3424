// SPDX-License-Identifier: MIT
// How the matrices of a report are packed (docs/exports.md): cell by cell, of each cell the values of
// all passes, since these are alike; then gzipped, then in base64.

import type { MatrixHead, MatrixPass } from "../api/schema";

export type Packing = "ticks" | "share" | "float24";

export interface PackedStack {
  readonly packing: Packing;
  /** So many neighbouring passes of a phase are one matrix, that the file stays small. */
  readonly every: number;
  /** base64 of gzip of a MatrixHead; without passes where they are those of the times. */
  readonly head: string;
  /** base64 of gzip. */
  readonly values: string;
}

/** A stack before its values are unpacked. */
export interface Opened {
  /** All of the run. */
  readonly passes: readonly MatrixPass[];
  /** With those that are joined, one for each matrix. */
  readonly head: MatrixHead;
  readonly packing: Packing;
  readonly bytes: Uint8Array;
}

/** Neighbouring passes of a phase as one: at most `every` of them. */
export function joinPasses(passes: readonly MatrixPass[], every: number): MatrixPass[] {
  const out: MatrixPass[] = [];
  let held = 0;
  for (const pass of passes) {
    const last = out[out.length - 1];
    if (!last || last.phase !== pass.phase || held === every) {
      out.push(pass);
      held = 1;
      continue;
    }
    held++;
    out[out.length - 1] = {
      ...last,
      tokens: last.tokens + pass.tokens,
      duration_ms: last.duration_ms + pass.duration_ms,
      energy_mj:
        last.energy_mj === null || pass.energy_mj === null ? null : last.energy_mj + pass.energy_mj,
      profiled: last.profiled || pass.profiled,
    };
  }
  return out;
}

/** `passes` are those of the times, for a head that has none. */
export async function openStack(
  packed: PackedStack,
  passes: () => Promise<readonly MatrixPass[]>,
): Promise<Opened> {
  const [text, bytes] = await Promise.all([
    gunzip(fromBase64(packed.head)),
    gunzip(fromBase64(packed.values)),
  ]);
  const written = JSON.parse(new TextDecoder().decode(text)) as MatrixHead;
  const all = written.passes.length ? written.passes : await passes();
  const head = { ...written, passes: joinPasses(all, packed.every) };
  return { passes: all, head, packing: packed.packing, bytes };
}

/** The grid on which an engine's times are stored: 100 ns. */
export const TICKS_PER_MS = 10_000;

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** Unsigned numbers of seven bits a byte, the lowest first; the top bit says that more follow. */
class Varints {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  next(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new Error("the report is damaged: a matrix is cut off");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
}

/** 1, 2, 3, 4, 5 … stand for 0, −1, 1, −2, 2 …; 0 is "nothing there". */
function signed(code: number): number {
  return code % 2 === 1 ? (code - 1) / 2 : -code / 2;
}

/** [cell][pass] as it is packed, [pass][cell] as it is shown; NaN where there is nothing. */
export function unpackTicks(bytes: Uint8Array, passes: number, cells: number): Float64Array {
  const read = new Varints(bytes);
  const ticks = new Float64Array(passes * cells);
  for (let cell = 0; cell < cells; cell++) {
    for (let pass = 0; pass < passes; pass++) {
      const code = read.next();
      ticks[pass * cells + cell] = code === 0 ? Number.NaN : code - 1;
    }
  }
  return ticks;
}

/** What a cell has of its pass's energy, nJ, when it is split by time. */
export function shareOf(pass: MatrixPass, ticks: number): number {
  const energy = Math.floor((pass.energy_mj ?? 0) * 1e6 + 0.5);
  const whole = Math.floor(pass.duration_ms * TICKS_PER_MS + 0.5);
  return whole > 0 ? Math.floor((energy * ticks) / whole + 0.5) : 0;
}

/** Energies in nJ, each as the difference to its share by time. */
export function unpackShare(
  bytes: Uint8Array,
  passes: readonly MatrixPass[],
  cells: number,
  ticks: Float64Array,
): Float32Array {
  const read = new Varints(bytes);
  const values = new Float32Array(passes.length * cells);
  for (let cell = 0; cell < cells; cell++) {
    passes.forEach((pass, row) => {
      const code = read.next();
      const at = row * cells + cell;
      values[at] = code === 0 ? Number.NaN : (shareOf(pass, ticks[at]!) + signed(code)) / 1e6;
    });
  }
  return values;
}

/** The three upper bytes of float32s, one plane of bytes after the other. */
export function unpackFloat24(bytes: Uint8Array, passes: number, cells: number): Float32Array {
  const count = passes * cells;
  if (bytes.length < 3 * count) throw new Error("the report is damaged: a matrix is cut off");
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const at = (i % passes) * cells + Math.floor(i / passes);
    words[at] = (bytes[i]! << 24) | (bytes[count + i]! << 16) | (bytes[2 * count + i]! << 8);
  }
  return new Float32Array(words.buffer);
}

const cellsOf = ({ layers, components }: MatrixHead): number => layers.length * components.length;

export function ticksOf({ head, packing, bytes }: Opened): Float64Array {
  if (packing !== "ticks") throw new Error("the report is damaged: times are no ticks");
  return unpackTicks(bytes, head.passes.length, cellsOf(head));
}

/** `ticks` are the times of the same passes. */
export async function valuesOf(
  opened: Opened,
  ticks: () => Promise<Float64Array>,
): Promise<Float32Array> {
  const { head, packing, bytes } = opened;
  switch (packing) {
    case "ticks":
      return Float32Array.from(await ticks(), (each) => each / TICKS_PER_MS);
    case "share":
      return unpackShare(bytes, head.passes, cellsOf(head), await ticks());
    case "float24":
      return unpackFloat24(bytes, head.passes.length, cellsOf(head));
  }
}
