import { dequantizedChunks, type QuantizedModule } from '@hfquant/core/runtime'

/** The values that a quantized weight stands for, [outFeatures, inFeatures]. */
export async function restore(module: QuantizedModule): Promise<Float32Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of dequantizedChunks(module)) pieces.push(piece.slice())
  return new Float32Array(new Uint8Array(Buffer.concat(pieces)).buffer)
}
