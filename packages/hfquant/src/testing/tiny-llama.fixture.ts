import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AutoModelForCausalLM } from '../index.js'
import { golden, largestDifference, readFloats, readIntegers } from './golden.fixture.js'

export const tinyLlama = (name: string): string => golden(`torchao/tiny-llama/${name}`)

/** The pickled one, its head quantized as well. */
export const INT4 = 'int8-dynamic-act-int4-weight-bin'

export type Config = Record<string, unknown>

export async function editConfig(folder: string, change: (config: Config) => Config): Promise<void> {
  const path = join(folder, 'config.json')
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))))
}

export const withoutBlock = ({ quantization_config: _, ...config }: Config): Config => config

/** Copies a model folder, and changes its configuration. */
export async function copyModel(
  model: string,
  folder: string,
  change: (config: Config) => Config = (config) => config,
): Promise<string> {
  await cp(model, folder, { recursive: true })
  await editConfig(folder, change)
  return folder
}

/** Largest difference of a folder's logits from those of the golden, computed on the dequantized weights. */
export async function differenceFromGolden(folder: string): Promise<number> {
  const expected = join(tinyLlama(INT4), 'expected_logits.safetensors')
  const inputIds = [await readIntegers(expected, 'input_ids')]
  await using model = await AutoModelForCausalLM.fromPretrained(folder, { compute: 'exact' })
  const { logits } = await model.forward({ inputIds })
  return largestDifference(logits, await readFloats(expected, 'logits'))
}
