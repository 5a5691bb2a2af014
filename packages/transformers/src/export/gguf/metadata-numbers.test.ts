import { Module, type Shell } from '@hfquant/core/runtime'
import type { GgufModel } from '@hfquant/models'
import { expect, test } from 'vitest'
import { metadataNumbers } from './metadata-numbers.js'

/** A model with one parameter, in memory. */
function modelOf(name: string, numbers: readonly number[]): Shell {
  const root = new Module()
  const buffer = new SharedArrayBuffer(4 * numbers.length)
  new Float32Array(buffer).set(numbers)
  root.parameter(name, 'float32', [numbers.length]).place({ kind: 'memory', dtype: 'float32', buffer })
  return { root, dtype: 'float32', basePrefix: '', inputEmbedding: '', outputEmbedding: '', ties: [] }
}

const wanted = (name: string) =>
  ({ metadataNumbers: new Map([['xielu.alpha_p', [name]]]) }) as unknown as GgufModel

test('a parameter that is one number stands in the metadata', async () => {
  expect(await metadataNumbers(modelOf('alpha', [0.75]), wanted('alpha'))).toEqual(
    new Map([['xielu.alpha_p', { f32s: [0.75] }]]),
  )
})

test('one that is more is refused by its name and shape', async () => {
  await expect(metadataNumbers(modelOf('alpha', [1, 2]), wanted('alpha'))).rejects.toMatchObject({
    ...{ code: 'TENSOR_SHAPE', message: '"alpha" is [2], expected one number' },
    ...{ tensor: 'alpha', found: [2], expected: [1], hint: expect.stringContaining('architecture') },
  })
})
