import { join } from 'node:path'
import { type JsonObject, type QuantizationConfigInput, readJsonFile } from '@hfquant/core/runtime'
import type { Architecture } from '@hfquant/models'
import { demand } from '../conformance/breach.js'
import type { FrontDoor, FrontDoorModel } from '../conformance/front-door.js'
import { tinyConfig, writeTinyModel } from '../models/tiny-architecture.js'
import { type CalibratedConfigs, calibrates } from './calibration-check.js'
import { readExpected, relativeError } from './expected.js'

/** One thing that every family of models does. */
export interface ArchitectureCheck {
  /** What it is about: a column of a table of families. */
  readonly subject: string
  readonly title: string
  /**
   * @param folder an empty one.
   * @throws ContractBreach that says what is wrong.
   */
  run(folder: string): Promise<void>
}

/** A change of config.json, and the error with which it is refused. */
export interface ArchitectureRefusal {
  readonly change: JsonObject
  readonly code: string
  readonly field: string
}

export interface ArchitectureOptions {
  /** Loads models as an application does: `AutoModelForCausalLM`. */
  readonly frontDoor: FrontDoor
  /**
   * Folders of models with `expected.safetensors` beside them, made by another implementation: `input_ids` [2, tokens],
   * `logits` [2, tokens, vocabulary], and `greedy`, of which the first 8 tokens are a prompt.
   */
  readonly goldens: readonly string[]
  /** Ways to quantize, by name. Each is tried on a tiny model of the family. */
  readonly configs?: Readonly<Record<string, QuantizationConfigInput>>
  /** Token ids that calibrate, and the same grid without calibration. */
  readonly calibration?: CalibratedConfigs
  readonly refused?: readonly ArchitectureRefusal[]
}

/**
 * Everything that is tried on a family. Checks of quantization are made on a tiny model with the config of a golden.
 *
 * @throws TypeError where there is no golden.
 */
export function architectureChecks(
  architecture: Architecture,
  options: ArchitectureOptions,
): readonly ArchitectureCheck[] {
  const { frontDoor, goldens, configs = {}, calibration, refused = [] } = options
  const [first] = goldens
  if (first === undefined) {
    throw new TypeError(`${architecture.names[0]} has no golden: its config.json is that of the tiny models`)
  }
  const config = async () => (await readJsonFile(join(first, 'config.json'))).value
  const tiny = async (folder: string) => writeTinyModel(folder, tinyConfig(await config()))
  const golden = (folder: string): ArchitectureCheck => ({
    subject: 'runs',
    title: `computes and decodes what is expected of ${folder.split(/[\\/]/).at(-1)}`,
    // One model of the family is computed as it is compiled for later starts.
    run: () => computesGolden(frontDoor, folder, { compute: 'exact', cache: folder === first }),
  })
  let float: Promise<Float32Array> | undefined
  const logitsOfFloat = (from: string) => {
    float ??= logitsOf(frontDoor, from)
    return float
  }
  return [
    ...goldens.map(golden),
    {
      subject: 'beside others',
      title: 'a sequence gets the same logits alone and beside others, to the bit',
      run: async (folder) => sameBesideOthers(frontDoor, await tiny(folder)),
    },
    ...Object.entries(configs).map(
      ([name, quantizationConfig]): ArchitectureCheck => ({
        subject: name,
        title: `${name}: quantized, saved and loaded again it computes the same, alone and beside others`,
        run: async (folder) => {
          const from = await tiny(join(folder, 'float'))
          const float = await logitsOfFloat(from)
          await quantizes(frontDoor, from, { folder, quantizationConfig, float })
        },
      }),
    ),
    ...(calibration === undefined
      ? []
      : [
          {
            subject: 'calibration',
            title: 'calibrated weights are nearer to the float model than rounded ones',
            run: async (folder: string) => calibrates(frontDoor, await tiny(folder), calibration),
          },
        ]),
    ...refusals(architecture, config, refused),
  ]
}

/** @param config a config.json that is accepted. */
export const refusals = (
  architecture: Architecture,
  config: () => Promise<JsonObject>,
  refused: readonly ArchitectureRefusal[],
): readonly ArchitectureCheck[] =>
  refused.map(({ change, code, field }) => ({
    subject: 'refuses',
    title: `${JSON.stringify(change)} is refused with ${code}, naming ${field}`,
    run: async () => refuses(architecture, { ...(await config()), ...change }, code, field),
  }))

/** Of exact logits, as a share of the largest one. */
const LARGEST_ERROR = 2e-5

const contract = 'a definition computes what the family computes elsewhere'

async function computesGolden(
  door: FrontDoor,
  folder: string,
  options: { readonly compute: 'exact'; readonly cache: boolean },
): Promise<void> {
  const { sequences, logits: wanted, logitsShort, greedy } = await readExpected(folder)
  await using model = await door.fromPretrained(folder, options)
  const { logits } = await model.forward({ inputIds: sequences })
  const error = relativeError(logits, wanted)
  demand(error < LARGEST_ERROR, `the largest error of a logit is ${error} of the largest logit`, contract)
  if (logitsShort !== undefined) {
    const half = await model.forward({ inputIds: sequences.map((row) => row.slice(0, row.length / 2)) })
    const shortError = relativeError(half.logits, logitsShort)
    demand(shortError < LARGEST_ERROR, `of a short sequence the largest error is ${shortError}`, contract)
  }
  const prompt = greedy.slice(0, 8)
  const tokens = await decode(model, prompt, greedy.length - 8)
  demand(tokens.join() === greedy.slice(8).join(), `decodes ${tokens}, expected ${greedy.slice(8)}`, contract)
}

async function decode(model: FrontDoorModel, prompt: readonly number[], count: number): Promise<number[]> {
  const tokens: number[] = []
  const options = { maxNewTokens: count, temperature: 0, ignoreEos: true }
  for await (const { tokenId } of model.generate({ inputIds: prompt }, options)) tokens.push(tokenId)
  return tokens
}

async function sameBesideOthers(door: FrontDoor, folder: string): Promise<void> {
  await using model = await door.fromPretrained(folder)
  await demandSameBesideOthers(model)
}

const token = (at: number, seed: number) => (at * (7 + seed) + 13 * seed) % 96
const prompt = (length: number, seed: number) => Array.from({ length }, (_, at) => token(at, seed))

/** Logits of a batch and of its rows; tokens of generations at once and of each. */
async function demandSameBesideOthers(model: FrontDoorModel): Promise<void> {
  const promise = 'a sequence has the same bits alone and beside others'
  const rows = [1, 2, 3].map((seed) => prompt(21, seed))
  const together = (await model.forward({ inputIds: rows })).logits
  for (const [index, row] of rows.entries()) {
    const { logits } = await model.forward({ inputIds: [row] })
    const own = together.subarray(index * logits.length, (index + 1) * logits.length)
    demand(
      Buffer.compare(bytesOf(own), bytesOf(logits)) === 0,
      `logits of row ${index} differ by up to ${relativeError(own, logits)}`,
      promise,
    )
  }
  const prompts = [5, 40, 23].map((length, index) => prompt(length, index + 4))
  const atOnce = await Promise.all(prompts.map((ids) => decode(model, ids, 12)))
  for (const [index, ids] of prompts.entries()) {
    const alone = await decode(model, ids, 12)
    demand(
      alone.join() === atOnce[index]!.join(),
      `prompt ${index} goes on with ${alone}, not ${atOnce[index]}`,
      promise,
    )
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Each of these models is opened once: to pack its weights for later starts would take longer than all that it computes. */
const EXACT = { compute: 'exact', cache: false } as const

/** What the logits of a model and of its quantized forms are compared with. */
const SEQUENCES = [prompt(17, 1), prompt(17, 2)]

interface Quantizing {
  readonly folder: string
  readonly quantizationConfig: QuantizationConfigInput
  /** Logits of the float model. */
  readonly float: Float32Array
}

async function quantizes(
  door: FrontDoor,
  from: string,
  { folder, quantizationConfig, float }: Quantizing,
): Promise<void> {
  const saved = join(folder, 'quantized')
  await using model = await door.fromPretrained(from, { quantizationConfig, ...EXACT })
  const { logits } = await model.forward({ inputIds: SEQUENCES })
  demand(logits.every(Number.isFinite), 'logits are not finite', 'a quantized model computes')
  demand(relativeError(logits, float) > 0, 'no logit changes', 'linear layers of the blocks are quantized')
  await model.savePretrained(saved)
  const again = await logitsOf(door, saved)
  demand(
    relativeError(again, logits) === 0,
    `logits differ by ${relativeError(again, logits)}`,
    'what is saved is loaded',
  )
  await using fast = await door.fromPretrained(saved, { cache: false })
  await demandSameBesideOthers(fast)
}

async function logitsOf(door: FrontDoor, folder: string): Promise<Float32Array> {
  await using model = await door.fromPretrained(folder, EXACT)
  return (await model.forward({ inputIds: SEQUENCES })).logits
}

async function refuses(
  architecture: Architecture,
  config: JsonObject,
  code: string,
  field: string,
): Promise<void> {
  const promise = 'a value that is not offered is refused by its name'
  try {
    architecture.describe(config)
  } catch (error) {
    const found = error as { readonly code?: string; readonly field?: string }
    demand(found.code === code && found.field === field, `throws ${found.code} about ${found.field}`, promise)
    return
  }
  demand(false, 'it is accepted', promise)
}
