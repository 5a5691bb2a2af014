import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { knownArchitectures } from '@hfquant/models'
import { encoderChecks, testFolder } from '@hfquant/testkit'
import { describe, expect, test } from 'vitest'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  inspectModel,
  quantizeModel,
  recipe,
} from './index.js'
import { golden } from './testing/golden.fixture.js'

/** Decoders that make vectors of texts. */

const doors = {
  'hidden-states': AutoModel,
  'sequence-classification': AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'masked-lm': AutoModelForMaskedLM,
}
const folders = ['qwen3-embedding', 'gemma3-embedding'].map((name) => golden(`architectures/${name}`))
const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
const configs = { 'int8-dynamic-act-int8-weight': await recipe('int8-dynamic-act-int8-weight') }

const root = testFolder()
const families = knownArchitectures('decoder').flatMap(({ embedding }) => embedding ?? [])

test('each of the families is compared with Python', () => {
  const named = folders.flatMap((folder) => configOf(folder).architectures)
  expect(families.flatMap(({ names }) => names).sort()).toEqual(named.sort())
})

describe.each(families.map((family) => [family.names[0]!, family] as const))('%s', (name, family) => {
  const goldens = folders.filter((folder) => configOf(folder).architectures[0] === name)
  for (const { subject, title, run } of encoderChecks(family, { doors, goldens, configs })) {
    test(title, async () => {
      const folder = join(root, `${name}-${subject}`)
      mkdirSync(folder)
      await run(folder)
    })
  }
})

const IDS = [
  [5, 9, 11, 2],
  [7, 1],
]

/** As the hub has it: with the class of the whole decoder in its configuration. */
function namedAsDecoder(change: (folder: string) => void = () => {}): string {
  const folder = mkdtempSync(join(root, 'decoder-'))
  cpSync(folders[0]!, folder, { recursive: true })
  const config = { ...configOf(folder), architectures: ['Qwen3ForCausalLM'] }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  change(folder)
  return folder
}

test('a folder of sentence-transformers is read for vectors, whatever class it names, and quantized as that', async () => {
  const folder = namedAsDecoder()
  await using model = await AutoModel.fromPretrained(folder)
  await using own = await AutoModel.fromPretrained(folders[0]!)
  const texts = IDS.map((inputIds) => ({ inputIds }))
  expect(await model.embed(texts)).toEqual(await own.embed(texts))
  expect(await inspectModel(folder)).toMatchObject({ task: 'hidden-states' })
  const quantized = join(root, 'quantized')
  await quantizeModel(folder, quantized, { quantizationConfig: configs['int8-dynamic-act-int8-weight'] })
  await using int8 = await AutoModel.fromPretrained(quantized)
  const [vector] = await int8.embed(texts)
  expect(vector).toHaveLength(24)
  expect(vector).not.toEqual((await own.embed(texts))[0])
})

test('the same folder generates where a decoder is wanted, and without its modules it is one', async () => {
  const folder = namedAsDecoder()
  await using decoder = await AutoModelForCausalLM.fromPretrained(folder)
  expect((await decoder.forward({ inputIds: [IDS[0]!] })).shape).toEqual([1, 4, 53])
  const plain = namedAsDecoder((copy) => rmSync(join(copy, 'modules.json')))
  await expect(AutoModel.fromPretrained(plain)).rejects.toMatchObject({ code: 'MODEL_CLASS' })
})

test('one that looks both ways generates nothing', async () => {
  await expect(AutoModelForCausalLM.fromPretrained(folders[1]!)).rejects.toMatchObject({
    ...{ code: 'VARIANT', field: 'use_bidirectional_attention' },
    message: expect.stringContaining('AutoModel'),
  })
})
