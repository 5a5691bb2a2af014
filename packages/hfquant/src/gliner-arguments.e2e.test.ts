import { join } from 'node:path'
import { readTensorFile, testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import { GLiNER, type LoadGlinerOptions } from './index.js'
import { golden } from './testing/golden.fixture.js'

/** What the Python library takes as dtype, quantize and variant, and what it refuses, row by row. */

const root = testFolder()
const float = golden('gliner/deberta')

/** Arguments are looked at first: there is no such folder. */
const refusalOf = (options: object): Promise<unknown> =>
  GLiNER.fromPretrained(join(root, 'nowhere'), options as LoadGlinerOptions).then(
    () => 'loaded',
    (error: unknown) => error,
  )

const refused = (code: string, field: string, hint: string) => ({
  ...{ name: 'ConfigError', code, field, hint: expect.stringContaining(hint) },
})

describe('dtype', () => {
  test.each<[string | null | undefined, string]>([
    [undefined, 'F32'],
    [null, 'F32'],
    ['auto', 'F32'],
    ['fp16', 'F16'],
    ['float16', 'F16'],
    ['half', 'F16'],
    ['FP16', 'F16'],
    ['bf16', 'BF16'],
    ['BFloat16', 'BF16'],
    ['fp32', 'F32'],
    ['float32', 'F32'],
    ['float', 'F32'],
  ])('%s keeps floats as %s', async (dtype, stored) => {
    const out = join(root, `dtype-${dtype}`)
    await using model = await GLiNER.fromPretrained(float, { dtype })
    await model.savePretrained(out)
    const { tensors } = await readTensorFile(join(out, 'model.safetensors'))
    expect(new Set([...tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set([stored]))
  })

  test.each(['fp64', 'double', 'fp8', '', ' fp16'])('%j is unknown', async (dtype) => {
    const error = await refusalOf({ dtype })
    expect(error).toMatchObject({ name: 'ConfigError', code: 'DTYPE_UNKNOWN', field: 'dtype', found: dtype })
    const known = ['bf16', 'bfloat16', 'float', 'float16', 'float32', 'fp16', 'fp32', 'half']
    for (const name of known) expect((error as Error).message).toContain(name)
  })

  test.each(['int8', 'int4', 'int32', 'int64', 'uint8', 'bool'])('%s is no float', async (dtype) => {
    expect(await refusalOf({ dtype })).toMatchObject(
      refused('DTYPE_NOT_FLOATING', 'dtype', "quantize: 'int8'"),
    )
  })

  test.each([123, 3.14, [[]], Number])('%j is no name', async (dtype) => {
    expect(await refusalOf({ dtype })).toMatchObject({
      name: 'ConfigError',
      code: 'DTYPE_TYPE',
      field: 'dtype',
    })
  })
})

const PRECISIONS = ['fp16', 'float16', 'half', 'bf16', 'bfloat16', 'BF16', 'fp32', 'float32']

describe('quantize', () => {
  test('of a loaded model takes int8, in any case and as often as one likes, and refuses what it is not', async () => {
    await using model = await GLiNER.fromPretrained(float)
    for (const value of [true, false, null, 1, 3.14]) {
      await expect(model.quantize(value as never)).rejects.toMatchObject(
        refused('QUANTIZE_TYPE', 'quantize', value === true ? "quantize: 'int8'" : 'dtype'),
      )
    }
    for (const value of PRECISIONS) {
      await expect(model.quantize(value)).rejects.toMatchObject(
        refused('PRECISION_IS_NOT_QUANTIZATION', 'quantize', `dtype: '${value}'`),
      )
    }
    for (const value of ['int4', 'nf4', '']) {
      await expect(model.quantize(value)).rejects.toMatchObject(
        refused('QUANTIZE_UNKNOWN', 'quantize', 'dtype'),
      )
    }
    expect(model.quantization).toBeUndefined()
    for (const value of ['INT8', 'int8', undefined]) await model.quantize(value)
    expect(model.quantization?.method).toBe('torchao')
  })

  test('while loading is refused before anything is looked for', async () => {
    for (const quantize of [true, false, 1, 3.5, [], {}]) {
      expect(await refusalOf({ quantize })).toMatchObject({ code: 'QUANTIZE_TYPE', field: 'quantize' })
    }
    for (const quantize of PRECISIONS) {
      const code = 'PRECISION_IS_NOT_QUANTIZATION'
      expect(await refusalOf({ quantize })).toMatchObject(refused(code, 'quantize', `dtype: '${quantize}'`))
    }
    for (const quantize of ['int4', 'nf4', '']) {
      expect(await refusalOf({ quantize })).toMatchObject(refused('QUANTIZE_UNKNOWN', 'quantize', 'dtype'))
    }
  })

  test('goes together with a dtype of half precision, and null is none', async () => {
    await using model = await GLiNER.fromPretrained(float, { quantize: 'INT8', dtype: 'half' })
    expect(model.quantization?.method).toBe('torchao')
    await using plain = await GLiNER.fromPretrained(float, { quantize: null })
    expect(plain.quantization).toBeUndefined()
  })
})

describe('variant', () => {
  test.each([
    [{ variant: 'int8' }, 'VARIANT_UNKNOWN', "quantize: 'int8'"],
    [{ variant: 'fp32' }, 'VARIANT_UNKNOWN', 'Leave variant out'],
    [{ variant: 16 }, 'VARIANT_TYPE', "'fp16' or 'bf16'"],
    [{ variant: 'fp16', dtype: 'bf16' }, 'VARIANT_DTYPE', 'Leave dtype out'],
  ])('%j is refused before anything is looked for', async (options, code, hint) => {
    expect(await refusalOf(options)).toMatchObject(refused(code, 'variant', hint))
  })
})
