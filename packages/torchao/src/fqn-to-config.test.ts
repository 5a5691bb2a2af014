import { ConfigError, type WeightInfo } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import {
  FqnToConfig,
  Int8DynamicActivationIntxWeightConfig,
  Int8WeightOnlyConfig,
  perGroup,
  TorchAoConfig,
  torchao,
} from './index.js'
import { noModules } from './testing/no-modules.fixture.js'
import { thrown } from './testing/thrown.fixture.js'

const INT8 = new Int8WeightOnlyConfig()
const INT4 = new Int8DynamicActivationIntxWeightConfig({ weightDtype: 'int4' })
const GROUPS = new Int8WeightOnlyConfig({ granularity: perGroup(32) })

const weightAt = (path: string): WeightInfo => ({
  path,
  kind: 'linear',
  outFeatures: 4,
  inFeatures: 64,
  dtype: 'bfloat16',
})

/** What becomes of a module: the name of its format, or why it stays in float. */
function outcome(config: FqnToConfig, path: string): string {
  const choice = config.formatFor(weightAt(path))
  return 'skip' in choice ? choice.skip : choice.name
}

describe('the first match decides', () => {
  const config = new FqnToConfig({
    _default: INT8,
    're:model\\.layers\\.\\d+\\.mlp\\..*': INT4,
    're:.*\\.down_proj\\.weight': GROUPS,
    'model.layers.0.mlp.up_proj': null,
    'model.layers.0.mlp.up_proj.weight': INT8,
    'model.layers.1.mlp.up_proj': null,
  })

  test.each([
    ['the exact parameter before the exact module', 'model.layers.0.mlp.up_proj', 'int8 per row'],
    [
      'the exact module before a pattern',
      'model.layers.1.mlp.up_proj',
      /left in float .*"model.layers.1.mlp.up_proj"/,
    ],
    [
      'a pattern on the parameter before one that only names the module',
      'head.down_proj',
      'int8 per group of 32',
    ],
    ['the first of two patterns on the parameter', 'model.layers.0.mlp.down_proj', 'int4 per group of 32'],
    ['a pattern on the module', 'model.layers.3.mlp.gate_proj', 'int4 per group of 32'],
    [
      'a pattern that is not all of the name does not match: the default',
      'xmodel.layers.3.mlp.up',
      'int8 per row',
    ],
  ])('%s', (_name, path, expected) => {
    expect(outcome(config, path)).toMatch(expected)
  })

  test('without a default what is not named stays in float', () => {
    expect(outcome(new FqnToConfig({ other: INT8 }), 'lm_head')).toBe('has no entry in FqnToConfig')
  })

  test('names tells entries of a module from the default', () => {
    const named = new FqnToConfig({ _default: INT8, embed: INT4, 're:kept.*': null })
    expect(['embed', 'kept.one', 'other'].map((path) => named.names(path))).toEqual([true, false, false])
  })
})

test('a pattern that a backtracking engine never answers is answered', () => {
  const config = new FqnToConfig({ 're:(([a-z0-9._]+)+)+!': INT8 })
  expect(outcome(config, 'model.layers.0.self_attn.q_proj')).toBe('has no entry in FqnToConfig')
})

describe('two patterns for one weight', () => {
  test('are a warning when they disagree', () => {
    const config = new FqnToConfig({ 're:a.*': INT8, 're:.*b': INT4 })
    const choice = config.formatFor(weightAt('a.b'))
    expect('skip' in choice ? [] : choice.warnings).toEqual([
      expect.stringMatching(/a\.b.*"re:a\.\*".*"re:\.\*b"/),
    ])
    expect(outcome(new FqnToConfig({ 're:a.*': null, 're:.*b': INT4 }), 'a.b')).toContain('"re:.*b"')
  })

  test('are none when they agree', () => {
    const config = new FqnToConfig({ 're:a.*': INT8, 're:.*b': new Int8WeightOnlyConfig() })
    expect(config.formatFor(weightAt('a.b'))).not.toHaveProperty('warnings')
  })
})

describe('in config.json', () => {
  const config = new FqnToConfig({ 're:.*mlp.*': INT4, lm_head: null, _default: INT8 })
  const json = new TorchAoConfig({ quantType: config }).toDict()
  const data = (json.quant_type as { default: { _data: Record<string, unknown> } }).default._data

  test('both names of the field hold the same, and come back', () => {
    expect(data.fqn_to_config).toEqual(data.module_fqn_to_config)
    expect(data.fqn_to_config).toMatchObject({ lm_head: null, _default: { _type: 'Int8WeightOnlyConfig' } })
    expect(torchao.parseConfig({ ...json } as Record<string, unknown>).toDict()).toEqual(json)
  })

  const read = (type: string, fields: object) =>
    torchao.definition.config.parse({ quant_type: { default: { _type: type, _data: fields } } } as never)
      .quantType

  test.each(['FqnToConfig', 'ModuleFqnToConfig', 'AOPerModuleConfig'])(
    '%s: one field fills the other',
    (type) => {
      for (const field of ['fqn_to_config', 'module_fqn_to_config']) {
        expect(read(type, { [field]: data.fqn_to_config })).toEqual(config)
      }
    },
  )

  test('two fields that differ are an error', () => {
    const error = thrown(() =>
      read('FqnToConfig', { fqn_to_config: data.fqn_to_config, module_fqn_to_config: { lm_head: null } }),
    )
    expect(ConfigError.isInstance(error) && error.code).toBe('FIELD_CONFLICT')
  })

  test.each([
    ['a field that it lacks', { other: {} }, 'quant_type.default._data.other'],
    ['entries that are a list', { fqn_to_config: [] }, 'quant_type.default._data.fqn_to_config'],
    [
      'an entry of an unknown class',
      { fqn_to_config: { a: { _type: 'os.system', _data: {} } } },
      'quant_type.default._data.fqn_to_config.a._type',
    ],
    [
      'itself as an entry',
      { fqn_to_config: { a: { _type: 'FqnToConfig', _data: {} } } },
      'quant_type.default._data.fqn_to_config.a._type',
    ],
    ['a pattern that is none', { fqn_to_config: { 're:(': null } }, 'fqn_to_config'],
    ['a pattern without end', { fqn_to_config: { [`re:${'a'.repeat(20_000)}`]: null } }, 'fqn_to_config'],
    [
      'more entries than any model has modules',
      { fqn_to_config: Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`m${i}`, null])) },
      'fqn_to_config',
    ],
  ])('%s is refused', (_name, fields, field) => {
    const error = thrown(() => read('FqnToConfig', fields))
    expect(ConfigError.isInstance(error) && error).toMatchObject({ field })
  })

  test('an entry of a replaced version is mentioned once', () => {
    const old = new Int8WeightOnlyConfig({ version: 1 })
    const { value } = new TorchAoConfig({ quantType: new FqnToConfig({ a: old, b: old, c: INT8 }) })
    expect(torchao.definition.config.warnings!(value, noModules)).toEqual([
      expect.stringContaining('version 1'),
    ])
  })
})
