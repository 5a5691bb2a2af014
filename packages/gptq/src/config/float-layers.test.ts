import { describe, expect, test } from 'vitest'
import { refuseMixedBlocks, stateFloatLayers } from './float-layers.js'
import { readSettings } from './read-settings.js'

const settings = readSettings({ quant_method: 'gptq', bits: 3, group_size: 32 })
const layer = (index: number, name: string) => `model.layers.${index}.${name}`
const inBoth = (...names: string[]) => [0, 1].flatMap((index) => names.map((name) => layer(index, name)))

describe('layers of the blocks that stay in float', () => {
  const layers = {
    quantized: inBoth('self_attn.q_proj', 'mlp.up_proj'),
    float: [...inBoth('mlp.down_proj'), 'lm_head'],
  }

  test('are stated in the spelling of each reader', () => {
    const { dynamic, modulesInBlock } = stateFloatLayers(settings, layers)
    expect(modulesInBlock).toEqual([['self_attn.q_proj', 'mlp.up_proj']])
    expect(dynamic.map(({ pattern }) => pattern)).toEqual(['-:model\\.layers\\.\\d+\\.mlp\\.down_proj$'])
    expect(dynamic.every(({ excludes }) => excludes)).toBe(true)
  })

  test('need no second rule, and lists that are exact stay as they are', () => {
    const own = readSettings({
      ...{ quant_method: 'gptq', bits: 3, group_size: 32 },
      dynamic: { '-:.*down_proj': {} },
      modules_in_block_to_quantize: [['self_attn.q_proj'], ['mlp.up_proj']],
    })
    expect(stateFloatLayers(own, layers)).toEqual(own)
  })

  test('a head alone is nothing to state', () => {
    expect(stateFloatLayers(settings, { ...layers, float: ['lm_head'] })).toBe(settings)
  })

  test('in some blocks only cannot be stated', () => {
    expect(() => refuseMixedBlocks(layers)).not.toThrow()
    const mixed = {
      quantized: [...layers.quantized, layer(0, 'mlp.down_proj')],
      float: [layer(1, 'mlp.down_proj')],
    }
    expect(() => refuseMixedBlocks(mixed)).toThrow(
      expect.objectContaining({ code: 'LAYERS_UNSAYABLE', module: 'model.layers.1.mlp.down_proj' }),
    )
  })
})
