// SPDX-License-Identifier: MIT
// The f32 form of matrices and power samples: 'ERG32\n\0\0', u32 length n of a JSON text, u32 0, the text padded with
// blanks to a multiple of 8, then little-endian float32 values, NaN where nothing is known.

import { ApiError, request, type Params } from "./client";

export const F32 = "application/vnd.ergon.f32";
const MAGIC = "ERG32\n\0\0";
const HEAD = 16;

export interface Block<Head> {
  readonly head: Head;
  readonly values: Float32Array;
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function corrupt(what: string): ApiError {
  return new ApiError({
    status: 200,
    code: "corrupt",
    detail: `the server's answer is damaged: ${what}`,
  });
}

export function decodeF32<Head>(buffer: ArrayBuffer): Block<Head> {
  const view = new DataView(buffer);
  const text = new TextDecoder();
  if (buffer.byteLength < HEAD || text.decode(new Uint8Array(buffer, 0, 8)) !== MAGIC)
    throw corrupt("no f32 block");
  const length = view.getUint32(8, true);
  const start = HEAD + length;
  if (length % 8 !== 0 || start > buffer.byteLength) throw corrupt("its description is cut off");
  if ((buffer.byteLength - start) % 4 !== 0) throw corrupt("its values are cut off");
  let head: Head;
  try {
    head = JSON.parse(text.decode(new Uint8Array(buffer, HEAD, length))) as Head;
  } catch {
    throw corrupt("its description is no JSON");
  }
  if (littleEndian) return { head, values: new Float32Array(buffer, start) };
  const values = new Float32Array((buffer.byteLength - start) / 4);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(start + 4 * i, true);
  return { head, values };
}

export async function getF32<Head>(
  path: string,
  params: Params,
  signal?: AbortSignal,
): Promise<Block<Head>> {
  const options = {
    params: { ...params, format: "f32" },
    accept: `${F32}, application/problem+json`,
  };
  const response = await request(path, signal ? { ...options, signal } : options);
  return decodeF32<Head>(await response.arrayBuffer());
}
