import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTensorFile } from '@hfquant/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { AutoModelForCausalLM, inspectModel, quantizeModel } from './index.js'
import { golden } from './testing/golden.fixture.js'
import {
  copyModel,
  differenceFromGolden,
  editConfig,
  INT4,
  tinyLlama,
  withoutBlock,
} from './testing/tiny-llama.fixture.js'

const parent = mkdtempSync(join(tmpdir(), 'hfquant-pickled-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

describe('the pickled checkpoint that finalize writes', () => {
  const folder = tinyLlama(INT4)

  test('has the expected logits, its quantized head included', async () => {
    expect(await differenceFromGolden(folder)).toBeLessThan(1e-4)
    const { modules } = await inspectModel(folder)
    expect(modules.filter(({ quantized }) => quantized)).toHaveLength(15)
  })

  test('is saved in the safetensors layout, which loads to the same logits and saves to the same bytes', async () => {
    const [first, second] = [join(parent, 'int4-1'), join(parent, 'int4-2')]
    for (const [from, to] of [
      [folder, first],
      [first, second],
    ] as const) {
      await using model = await AutoModelForCausalLM.fromPretrained(from)
      await model.savePretrained(to)
    }
    expect((await readdir(first)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
    ])
    expect(await differenceFromGolden(first)).toBeLessThan(1e-4)
    const { tensors, metadata } = await readTensorFile(join(first, 'model.safetensors'))
    expect(JSON.parse(metadata['lm_head.weight']!)).toEqual({
      _type: 'IntxUnpackedToInt8Tensor',
      _data: {
        target_dtype: { _type: 'torch.dtype', _data: 'int4' },
        block_size: [1, 32],
        dtype: { _type: 'torch.dtype', _data: 'bfloat16' },
        activation_quantization: 'int8_asym_per_token',
      },
      _tensor_data_names: ['qdata', 'scale', 'zero_point'],
    })
    expect(tensors.get('lm_head._weight_scale')).toMatchObject({ dtype: 'BF16', shape: [128, 2] })
    for (const name of ['model.safetensors', 'config.json']) {
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
    }
  })

  test('with tied embeddings in its config keeps its quantized head: the embedding is float', async () => {
    const tied = await copyModel(folder, join(parent, 'tied'), (config) => ({
      ...config,
      tie_word_embeddings: true,
    }))
    expect(await differenceFromGolden(tied)).toBeLessThan(1e-4)
    expect((await inspectModel(tied)).warnings).toEqual([expect.stringContaining('they are not tied')])
  })
})

describe('a pickled file that is not to be read', () => {
  const refused = {
    malicious_os_system: 'os.system',
    malicious_posix_system: 'posix.system',
    malicious_nested_in_state: 'subprocess.getoutput',
    malicious_getattr: 'torch._tensor.Tensor',
    malicious_stack_global: 'os.system',
    unknown_class: 'example_pkg.layers.MysteryTensor',
    unknown_torchao_class: 'torchao.quantization.FutureTensor',
  }
  const routes = {
    'fromPretrained, told by config.json': (folder: string) => AutoModelForCausalLM.fromPretrained(folder),
    'fromPretrained, by the detection scan': async (folder: string) => {
      await editConfig(folder, withoutBlock)
      return AutoModelForCausalLM.fromPretrained(folder)
    },
    'fromPretrained, to be quantized': async (folder: string) => {
      await editConfig(folder, withoutBlock)
      return AutoModelForCausalLM.fromPretrained(folder, { quantize: 'int8' })
    },
    inspectModel: (folder: string) => inspectModel(folder),
    quantizeModel: (folder: string) => quantizeModel(folder, `${folder}-out`),
  }
  const cases = Object.entries(refused).flatMap(([file, name]) =>
    Object.keys(routes).map((route) => [file, route as keyof typeof routes, name] as const),
  )

  test.each(cases)('%s is refused by %s, which names %s and has run nothing', async (file, route, name) => {
    const folder = join(parent, `${file}-${Object.keys(routes).indexOf(route)}`)
    await mkdir(folder)
    await cp(join(tinyLlama(INT4), 'config.json'), join(folder, 'config.json'))
    await cp(golden(`torchao/bin/${file}.bin`), join(folder, 'pytorch_model.bin'))
    await expect(routes[route](folder)).rejects.toMatchObject({
      code: 'PICKLE_CLASS_REFUSED',
      refused: name,
      file: join(folder, 'pytorch_model.bin'),
      message: expect.stringMatching(new RegExp(`${name.replaceAll('.', '\\.')}.*nothing was executed`)),
    })
    expect(await readdir(parent)).not.toContain(`${file}-${Object.keys(routes).indexOf(route)}-out`)
  })
})
