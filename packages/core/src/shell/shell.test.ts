import { describe, expect, test } from 'vitest'
import { CheckpointError, ConfigError } from '../errors/families.js'
import { HfquantError } from '../errors/hfquant-error.js'
import { tinyShell } from '../testing/tiny-model.fixture.js'
import { checkCoverage, resolveDeviceMap } from './device-map.js'
import { parseFloatDtype, tensorBytes } from './dtype.js'
import { matchesModule } from './match-module.js'
import { findModule, walkParameters } from './module.js'
import { locateParameter } from './shell.js'

describe('a skip-list entry matches whole dotted segments', () => {
  test.each([
    ['lm_head', 'lm_head', true],
    ['lm_head', 'a.lm_head', true],
    ['classifier', 'roberta.classifier.dense', true],
    ['vision_tower', 'model.vision_tower.x.out_proj', true],
    ['model.layers.1', 'model.layers.1.mlp', true],
    ['model.layers.1', 'model.layers.10.mlp.up_proj', false],
    ['mlp.gate', 'model.layers.0.mlp.gate_proj', false],
    ['v_proj', 'model.qkv_proj', false],
    ['q_proj', 'model.layers.0.self_attn.q_proj', true],
    ['layers.*', 'model.layers.0', false],
    ['re:.*layers\\.[01]\\..*', 'model.layers.1.mlp.up_proj', true],
    ['re:layers', 'model.layers.1', false],
    ['re:(([a-z0-9._]+)+)+!', 'model.layers.0.self_attn.q_proj', false],
  ])('"%s" in %s: %s', (entry, path, expected) => expect(matchesModule(path, entry)).toBe(expected))
})

test('a skip-list entry that is no regular expression is refused', () => {
  expect(() => matchesModule('x', 're:[')).toThrow(
    expect.objectContaining({ code: 'PATTERN_INVALID', found: '[' }),
  )
})

describe('dtype is a precision', () => {
  test.each([
    ['fp16', 'float16'],
    ['float16', 'float16'],
    ['HALF', 'float16'],
    ['bf16', 'bfloat16'],
    ['BFloat16', 'bfloat16'],
    ['torch.bfloat16', 'bfloat16'],
    ['fp32', 'float32'],
    ['Float32', 'float32'],
    ['float', 'float32'],
  ])('%s means %s', (alias, dtype) => expect(parseFloatDtype(alias)).toBe(dtype))

  test.each(['int8', 'INT4', 'torch.int8', 'uint8', 'torch.uint8', 'int', 'bool', 'long'])(
    'an integer type, %s, points at quantization',
    (value) => {
      expect(() => parseFloatDtype(value)).toThrow(
        expect.objectContaining({
          code: 'DTYPE_NOT_FLOATING',
          message: expect.stringContaining('not a floating-point type'),
          hint: expect.stringContaining("quantize: 'int8'"),
        }),
      )
    },
  )

  test.each([
    ['float17', 'DTYPE_UNKNOWN'],
    ['fp64', 'DTYPE_UNKNOWN'],
    ['double', 'DTYPE_UNKNOWN'],
    ['fp8', 'DTYPE_UNKNOWN'],
    [' fp16', 'DTYPE_UNKNOWN'],
    ['', 'DTYPE_UNKNOWN'],
    ['constructor', 'DTYPE_UNKNOWN'],
    [16, 'DTYPE_TYPE'],
    [true, 'DTYPE_TYPE'],
    [[], 'DTYPE_TYPE'],
    [null, 'DTYPE_TYPE'],
  ])('%j is refused with %s', (value, code) =>
    expect(() => parseFloatDtype(value)).toThrow(expect.objectContaining({ code })),
  )

  test.each([[16], [['fp16']]])('%j is refused with what is expected', (value) => {
    expect(() => parseFloatDtype(value)).toThrow('expected a string such as "bfloat16"')
  })

  test('an unknown name is refused with the list', () => {
    expect(() => parseFloatDtype('fp64')).toThrow(
      'dtype "fp64" is unknown, expected one of fp16, float16, half, bf16, bfloat16, fp32, float32, float',
    )
  })
})

test('sub-byte tensors are packed', () => {
  expect(tensorBytes('float4_e2m1fn', [3, 5])).toBe(8)
  expect(tensorBytes('bfloat16', [3, 5])).toBe(30)
  expect(tensorBytes('int64', [])).toBe(8)
})

describe('a device map', () => {
  test.each([[undefined], ['auto'], ['balanced'], ['cpu']])('%s puts everything on the CPU', (argument) => {
    expect(resolveDeviceMap(argument, ['cpu'])).toEqual({ '': 'cpu' })
  })

  test('must cover every parameter, by dotted prefixes', () => {
    const { root } = tinyShell()
    expect(() => checkCoverage(root, { model: 'cpu', lm_head: 'cpu' })).not.toThrow()
    expect(() => checkCoverage(root, { model: 'cpu', lm: 'cpu' })).toThrow(
      expect.objectContaining({ code: 'DEVICE_MAP_UNCOVERED', tensor: 'lm_head.weight' }),
    )
  })

  test.each([['cuda:0'], [{ '': 3 }], [[1]], [7]])('%j is refused', (argument) => {
    expect(() => resolveDeviceMap(argument as never, ['cpu'])).toThrow(
      expect.objectContaining({ name: 'DeviceMapError' }),
    )
  })
})

test('a tied parameter is one parameter under two names', () => {
  const parameters = new Map(walkParameters(tinyShell({ tied: true }).root))
  expect(parameters.get('lm_head.weight')).toBe(parameters.get('model.embed_tokens.weight'))
})

test('a parameter is found by its name, also one of the root', () => {
  const shell = tinyShell()
  const { path, module, key } = locateParameter(shell, 'model.layers.1.up_proj.bias')
  expect([path, key]).toEqual(['model.layers.1.up_proj', 'bias'])
  expect(module).toBe(findModule(shell.root, path))
  expect(locateParameter(shell, 'scale')).toEqual({ path: '', module: shell.root, key: 'scale' })
  expect(() => locateParameter(shell, 'model.layers.7.bias')).toThrow('no module holds model.layers.7.bias')
})

test('errors are recognised across copies of the package, and by family', () => {
  const error = new ConfigError('CODE', 'message', { field: 'x', hint: 'do this' })
  const fromElsewhere = Object.assign(new Error('y'), {
    [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint.safetensors',
  })
  expect(HfquantError.isInstance(error)).toBe(true)
  expect(CheckpointError.isInstance(error)).toBe(false)
  expect(CheckpointError.isInstance(fromElsewhere)).toBe(true)
  expect(error).toMatchObject({ name: 'ConfigError', code: 'CODE', field: 'x', hint: 'do this' })
})
