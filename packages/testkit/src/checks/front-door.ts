import { join } from 'node:path'
import { type JsonObject, type QuantizationConfigInput, readJsonFile } from '@hfquant/core/runtime'
import { demand, succeeding } from '../conformance/breach.js'
import { abilitiesOf, type ConformanceCheck, type NamedConfig, namedConfigs } from '../conformance/check.js'
import type { FrontDoor, FrontDoorModel } from '../conformance/front-door.js'
import { configOf, plainJson } from '../conformance/json.js'
import type { ConformanceOptions } from '../conformance/options.js'
import { demandSameTensors, readStoredTensors } from '../conformance/tensors.js'
import type { Workbench } from '../conformance/workbench.js'
import { TINY_LLAMA, writeTinyModel } from '../models/tiny-architecture.js'
import { demandClose } from './computation.js'

const topic = 'front door'

/** The same as an application sees it, on a model that generates. */
export function frontDoorChecks(options: ConformanceOptions): readonly ConformanceCheck[] {
  const { frontDoor, calibrated = {}, published = {}, loadingAttributes: attributes } = options
  if (frontDoor === undefined) return []
  // What differs between configurations is tried without a front door, which takes longer.
  const [named] = namedConfigs(options) as [NamedConfig]
  const { name: first, config } = named
  const lives = Object.entries({ [first]: config, ...calibrated }).map(
    ([name, tried]): ConformanceCheck => ({
      topic,
      needs: ['quantizing', 'saving'],
      title: `${name}: a Llama computes, generates, saves, reloads and is dequantized (rows 2, 9, 11, 13, 26, 34)`,
      run: (bench) => wholeLife(bench, frontDoor, tried),
    }),
  )
  const foreign = Object.entries(published).map(
    ([name, folder]): ConformanceCheck => ({
      topic,
      title: `${name}: a checkpoint that another implementation wrote is loaded with no argument, and saved unchanged (row 15)`,
      run: (bench) =>
        foreignCheckpoint(bench, frontDoor, folder, abilitiesOf(bench.backend, named).has('saving')),
    }),
  )
  if (attributes === undefined) return [...lives, ...foreign]
  const loading: ConformanceCheck = {
    topic,
    needs: ['quantizing', 'saving'],
    title: 'loading attributes change no logit, and limit no input (rows 27, 28)',
    run: (bench) => loadingAttributes(bench, frontDoor, config, attributes),
  }
  return [...lives, ...foreign, loading]
}

/** A tiny Llama; greedy decoding of random weights is as good as that of others. */
export const writeLlama = (bench: Workbench): Promise<string> => writeTinyModel(bench.newFolder(), TINY_LLAMA)

const PROMPT = [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]

const logitsOf = async (model: FrontDoorModel): Promise<Float32Array> =>
  (await model.forward({ inputIds: [PROMPT] })).logits

async function continuation(model: FrontDoorModel): Promise<string> {
  const tokens: number[] = []
  const greedy = { maxNewTokens: 8, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds: PROMPT }, greedy)) tokens.push(tokenId)
  return tokens.join(' ')
}

async function wholeLife(
  bench: Workbench,
  door: FrontDoor,
  quantizationConfig: QuantizationConfigInput,
): Promise<void> {
  const contract =
    'a model is loaded, used, saved and loaded again by its folder alone, and computes the same'
  const from = await writeLlama(bench)
  const [saved, floated] = [bench.newFolder(), bench.newFolder()]
  await using model = await succeeding('fromPretrained', contract, () =>
    door.fromPretrained(from, { quantizationConfig, compute: 'exact' }),
  )
  demand(
    model.quantization?.method === bench.backend.quantMethod,
    `quantization.method is ${model.quantization?.method}`,
    contract,
  )
  await model.savePretrained(saved)
  const [logits, tokens, bytes] = [await logitsOf(model), await continuation(model), model.memoryFootprint()]
  {
    await using again = await succeeding('loading the saved folder', contract, () =>
      door.fromPretrained(saved, { compute: 'exact' }),
    )
    demand(
      again.quantization?.method === bench.backend.quantMethod,
      'the saved folder is loaded as a float model',
      contract,
    )
    demandClose(
      'logits of the reloaded model and of the saved one',
      await logitsOf(again),
      logits,
      0,
      contract,
    )
    demand(
      (await continuation(again)) === tokens,
      `"${tokens}" was generated, "${await continuation(again)}" is after reloading`,
      contract,
    )
    demand(
      again.memoryFootprint() === bytes,
      `the model takes ${bytes} bytes, reloaded ${again.memoryFootprint()}`,
      contract,
    )
  }
  await succeeding('dequantize', contract, () => model.dequantize())
  demand(
    model.quantization === undefined,
    'a dequantized model still has a quantization',
    'dequantizing removes every trace',
  )
  demand(
    model.memoryFootprint() > bytes,
    `${bytes} bytes quantized, ${model.memoryFootprint()} dequantized`,
    'a quantized model is smaller than the float one',
  )
  demandClose(
    'logits of the dequantized model and of the quantized one',
    await logitsOf(model),
    logits,
    0.02,
    contract,
  )
  demand((await continuation(model)) !== '', 'a dequantized model generates nothing', contract)
  await model.savePretrained(floated)
  const { value } = await readJsonFile(join(floated, 'config.json'))
  demand(
    value.quantization_config === undefined,
    'config.json of the dequantized model has a quantization_config',
    'dequantizing removes every trace',
  )
}

async function foreignCheckpoint(
  bench: Workbench,
  door: FrontDoor,
  folder: string,
  canSave: boolean,
): Promise<void> {
  const contract = 'a published checkpoint needs no argument, and its tensors are passed on as they are'
  const out = bench.newFolder()
  await using model = await succeeding(`loading ${folder}`, contract, () => door.fromPretrained(folder))
  demand(
    model.quantization?.method === bench.backend.quantMethod,
    `quantization.method is ${model.quantization?.method}`,
    contract,
  )
  const logits = await logitsOf(model)
  demand(
    logits.every(Number.isFinite),
    'some logits are not finite',
    'a checkpoint that loads can be computed with',
  )
  if (!canSave) return
  await succeeding('saving it', contract, () => model.savePretrained(out))
  const sides = { found: 'the saved folder', wanted: 'the published one' }
  demandSameTensors(await readStoredTensors(out), await readStoredTensors(folder), sides, contract)
}

async function loadingAttributes(
  bench: Workbench,
  door: FrontDoor,
  config: QuantizationConfigInput,
  attributes: JsonObject,
): Promise<void> {
  const contract =
    'loading attributes choose how a model is run elsewhere; they are kept, and change nothing that is computed here'
  const saved = bench.newFolder()
  const from = await writeLlama(bench)
  await using model = await door.fromPretrained(from, { quantizationConfig: config, compute: 'exact' })
  await model.savePretrained(saved)
  const quantizationConfig = { ...plainJson(configOf(bench.backend, config)), ...attributes }
  await using again = await succeeding('loading with other loading attributes', contract, () =>
    door.fromPretrained(saved, { quantizationConfig, compute: 'exact' }),
  )
  const name = 'logits with and without loading attributes'
  demandClose(name, await logitsOf(again), await logitsOf(model), 0, contract)
}
