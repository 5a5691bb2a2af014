import { join } from 'node:path'
import { openSafetensors } from '@hfquant/safetensors'

/** What another implementation computed of an encoder. Rows of padding are left out. */
export interface ExpectedOfEncoder {
  readonly batch: {
    readonly inputIds: readonly (readonly number[])[]
    readonly attentionMask: readonly (readonly number[])[]
    readonly tokenTypeIds?: readonly (readonly number[])[]
  }
  /** The same without padding. */
  readonly texts: readonly {
    readonly inputIds: readonly number[]
    readonly tokenTypeIds?: readonly number[]
  }[]
  /** Hidden states of all tokens, text after text. */
  readonly states?: Float32Array
  readonly pooled?: Float32Array
  /** Of texts, or of all tokens, text after text. */
  readonly logits?: Float32Array
  readonly sentences?: Float32Array
}

/** Reads `expected.safetensors` of a golden. */
export async function readExpectedOfEncoder(folder: string): Promise<ExpectedOfEncoder> {
  await using file = await openSafetensors(join(folder, 'expected.safetensors'))
  const shapeOf = (name: string) => file.tensors.get(name)?.shape
  const [texts = 0, longest = 0] = shapeOf('input_ids') ?? []
  const lists = async (name: string) => {
    const values = Array.from(new BigInt64Array((await file.read(name)).slice().buffer), Number)
    return Array.from({ length: texts }, (_, text) => values.slice(text * longest, (text + 1) * longest))
  }
  const [inputIds, attentionMask] = [await lists('input_ids'), await lists('attention_mask')]
  const tokenTypeIds = shapeOf('token_type_ids') && (await lists('token_type_ids'))
  const lengths = attentionMask.map((mask) => mask.filter((one) => one === 1).length)
  const floats = async (name: string) => {
    const shape = shapeOf(name)
    if (shape === undefined) return undefined
    const values = new Float32Array((await file.read(name)).slice().buffer)
    if (shape.length < 3) return values
    const width = shape[2]!
    return Float32Array.from(
      lengths.flatMap((length, text) => {
        const first = text * longest * width
        return Array.from(values.subarray(first, first + length * width))
      }),
    )
  }
  const [states, pooled, logits, sentences] = [
    await floats('last_hidden_state'),
    await floats('pooler_output'),
    await floats('logits'),
    await floats('sentence_embedding'),
  ]
  return {
    batch: { inputIds, attentionMask, ...(tokenTypeIds && { tokenTypeIds }) },
    texts: inputIds.map((ids, text) => ({
      inputIds: ids.slice(0, lengths[text]),
      ...(tokenTypeIds && { tokenTypeIds: tokenTypeIds[text]!.slice(0, lengths[text]) }),
    })),
    ...(states && { states }),
    ...(pooled && { pooled }),
    ...(logits && { logits }),
    ...(sentences && { sentences }),
  }
}
