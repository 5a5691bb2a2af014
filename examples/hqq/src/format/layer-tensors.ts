import { describePart, type StoredWeight, storedTensors, type WeightInfo } from '@hfquant/core'

/** Facts and texts are short; a longer one is not read. */
const LONGEST_TEXT = 64

/** The tensors of one layer, with errors that name them, and the small ones that hold facts. */
export function layerTensors(weight: WeightInfo, stored: StoredWeight) {
  const tensors = storedTensors(weight, stored)
  return {
    ...tensors,

    /** A short tensor of integers. */
    async integers(key: string, shape: readonly number[]): Promise<readonly number[]> {
      const { dtype } = tensors.expect(key, ['int32', 'int64'], shape)
      const { buffer } = (await tensors.read(key)).slice()
      return dtype === 'int64' ? Array.from(new BigInt64Array(buffer), Number) : [...new Int32Array(buffer)]
    },

    /** A text, stored as its character codes. */
    async text(key: string): Promise<string> {
      const part = tensors.part(key)
      const [length = 0] = part.shape
      if (part.dtype !== 'uint8' || part.shape.length !== 1 || length > LONGEST_TEXT) {
        const expected = `uint8 with at most ${LONGEST_TEXT} characters`
        throw tensors.mismatch(key, { found: describePart(part), expected })
      }
      return new TextDecoder('latin1').decode(await tensors.read(key))
    },

    /** @throws CheckpointError TENSOR_MISMATCH unless a fact says what something else says as well. */
    agree(key: string, said: unknown, wanted: unknown): void {
      const [found, expected] = [JSON.stringify(said), JSON.stringify(wanted)]
      if (found !== expected) throw tensors.mismatch(key, { found, expected })
    },

    /** @throws CheckpointError NESTED_QUANTIZATION if the layer has one of these tensors. */
    refuse(keys: readonly string[], reason: string): void {
      const present = keys.find((key) => tensors.has(key))
      if (present === undefined) return
      throw tensors.wrong('NESTED_QUANTIZATION', present, `is present: ${reason}`, {
        ...{ found: present, expected: 'none' },
        hint: 'Quantize the float model again; no current release of the library writes such files.',
      })
    },
  }
}
