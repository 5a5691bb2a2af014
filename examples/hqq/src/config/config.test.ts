import { readFileSync } from 'node:fs'
import { ConfigError, type JsonObject } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { hqq } from '../hqq.js'
import { golden } from '../testing/golden.fixture.js'
import { readSettings } from './read-settings.js'
import { layerTag } from './settings.js'

const blockOf = (model: string): JsonObject =>
  JSON.parse(readFileSync(golden(`${model}/config.json`), 'utf8')).quantization_config

const withParams = (params: object): JsonObject => ({
  quant_method: 'hqq',
  quant_config: { weight_quant_params: params },
})

describe('quantization_config', () => {
  test('made with the defaults is that of transformers', () => {
    expect(hqq().toDict()).toEqual(blockOf('tiny-llama-hqq-w4-g64'))
  })

  test.each(['tiny-llama-hqq-w4-g64', 'tiny-llama-hqq-mixed'])('of %s is read and written again', (model) => {
    expect(hqq.parseConfig(blockOf(model)).toDict()).toEqual(blockOf(model))
  })

  test('starts at whole zero points at 4 bits, unless told otherwise', () => {
    const roundZero = (config: ReturnType<typeof hqq>) => {
      const { quant_config } = config.toDict() as {
        quant_config: { weight_quant_params: { round_zero: boolean } }
      }
      return quant_config.weight_quant_params.round_zero
    }
    expect([hqq({ nbits: 4 }), hqq({ nbits: 3 }), hqq({ nbits: 3, roundZero: true })].map(roundZero)).toEqual(
      [true, false, true],
    )
  })

  test('of early releases, without the key quant_config, is read', () => {
    const { quant_config } = withParams({ nbits: 2, group_size: 16, axis: 0 }) as { quant_config: object }
    expect(readSettings({ quant_method: 'hqq', ...quant_config })).toMatchObject({
      nbits: 2,
      groupSize: 16,
      axis: 0,
      optimize: true,
    })
  })

  test('knows a group size of null, and 1.58 bits', () => {
    expect(readSettings(withParams({ nbits: 1.58, group_size: null }))).toMatchObject({
      nbits: 1.58,
      groupSize: null,
    })
  })
})

describe('what is refused names the field', () => {
  test.each([
    [withParams({ nbits: 7 }), 'nbits'],
    [withParams({ nbits: '4' }), 'nbits'],
    [withParams({ axis: 2 }), 'axis'],
    [withParams({ group_size: 12 }), 'group_size'],
    [withParams({ channel_wise: false }), 'channel_wise'],
    [withParams({ optimize: 1 }), 'optimize'],
    [{ quant_config: { weight_quant_params: {}, zero_quant_params: { nbits: 8 } } }, 'zero_quant_params'],
    [
      { quant_config: { 'mlp.up_proj': { weight_quant_params: { nbits: 9 } } } },
      'quant_config.mlp.up_proj.nbits',
    ],
    [{ quant_config: 4 }, 'quant_config'],
    [{ skip_modules: 'lm_head' }, 'skip_modules'],
    [{ nbits: 3 }, 'nbits'],
  ])('%j: %s', (json, field) => {
    const attempt = () => hqq.parseConfig(json)
    expect(attempt).toThrow(expect.objectContaining({ field }))
    expect(attempt).toThrow(expect.toSatisfy((error) => ConfigError.isInstance(error)))
  })
})

test.each([
  ['model.layers.3.self_attn.q_proj', 'self_attn.q_proj'],
  ['model.decoder.layers.0.fc1', 'decoder.fc1'],
  ['lm_head', 'lm_head'],
])('the tag of %s is %s', (path, tag) => {
  expect(layerTag(path)).toBe(tag)
})
