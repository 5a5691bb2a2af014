import { CheckpointError, elementCount, locateParameter, type Shell } from '@hfquant/core/runtime'
import { castFloats } from '@hfquant/kernels'
import type { GgufMetadata, GgufModel } from '@hfquant/models'
import { floatWeights } from '../float-weight.js'

/**
 * Parameters that llama.cpp reads from the metadata of a file.
 *
 * @throws CheckpointError TENSOR_SHAPE for one that is more than a number.
 */
export async function metadataNumbers(
  shell: Shell,
  { metadataNumbers: wanted = new Map() }: GgufModel,
): Promise<GgufMetadata> {
  const entries = [...wanted].map(async ([key, names]) => {
    const f32s = await Promise.all(names.map((name) => numberAt(shell, name)))
    return [key, { f32s }] as const
  })
  return new Map(await Promise.all(entries))
}

async function numberAt(shell: Shell, name: string): Promise<number> {
  const { path, module, key } = locateParameter(shell, name)
  const weight = floatWeights(path, module).get(key)!
  if (elementCount(weight.shape) !== 1) {
    throw new CheckpointError(
      'TENSOR_SHAPE',
      `"${name}" is ${JSON.stringify(weight.shape)}, expected one number`,
      {
        tensor: name,
        found: weight.shape,
        expected: [1],
        hint: 'The definition of the architecture is wrong; report it to the package that made it.',
      },
    )
  }
  let value = Number.NaN
  for await (const bytes of weight.chunks()) {
    value = new Float32Array(castFloats(bytes, weight.dtype, 'float32').slice().buffer)[0]!
  }
  return value
}
