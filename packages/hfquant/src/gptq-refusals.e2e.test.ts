import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { type Change, logitsOf, type StoredTensors, variant } from './testing/gptq.fixture.js'

const folder = testFolder()
const at = (name: string): string => join(folder, name)

const viewOf = (tensors: StoredTensors, name: string) => new DataView(tensors.get(name)!.bytes.buffer)

describe('a checkpoint with', () => {
  test.each<[string, Change, object]>([
    [
      'a scale that is not finite',
      (tensors) => viewOf(tensors, 'model.layers.1.mlp.up_proj.scales').setUint16(10, 0x7e00, true),
      { code: 'TENSOR_NOT_FINITE', module: 'model.layers.1.mlp.up_proj' },
    ],
    [
      'a group that does not exist',
      (tensors) => viewOf(tensors, 'model.layers.0.self_attn.q_proj.g_idx').setInt32(8, 7, true),
      { code: 'GROUP_INDEX_RANGE', found: 7 },
    ],
    [
      'a tensor that is missing',
      (tensors) => void tensors.delete('model.layers.0.self_attn.q_proj.qzeros'),
      { code: 'TENSOR_MISSING', tensor: 'model.layers.0.self_attn.q_proj.qzeros' },
    ],
    [
      'other bits than the config says',
      (_tensors, config) => void Object.assign(config, { bits: 8 }),
      { code: 'TENSOR_MISMATCH', hint: expect.stringContaining('looks like 4 bits') },
    ],
  ])('%s is refused', async (name, change, error) => {
    const model = await variant(at(name.replaceAll(' ', '-')), change)
    await expect(logitsOf(model)).rejects.toMatchObject(error)
  })

  test('pickled weights under a name of their own are refused', async () => {
    const model = await variant(at('pickled'), () => {})
    renameSync(join(model, 'model.safetensors'), join(model, 'weights.bin'))
    // Logits of the golden lie beside it, and would be spoken of instead.
    for (const name of readdirSync(model)) if (name.endsWith('.safetensors')) rmSync(join(model, name))
    await expect(logitsOf(model)).rejects.toMatchObject({ code: 'WEIGHTS_PICKLED' })
  })
})
