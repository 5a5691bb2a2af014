import { join } from 'node:path'
import { type JsonObject, type QuantizationConfigInput, readJsonFile } from '@hfquant/core/runtime'
import type { Architecture, EncoderTask } from '@hfquant/models'
import { demand } from '../conformance/breach.js'
import type { FrontDoor, FrontDoorModel } from '../conformance/front-door.js'
import { tinyConfig, writeTinyModel } from '../models/tiny-architecture.js'
import { type ArchitectureCheck, type ArchitectureRefusal, refusals } from './architecture-checks.js'
import { type CalibratedConfigs, type CalibratedDoor, calibrates } from './calibration-check.js'
import { relativeError } from './expected.js'
import { readExpectedOfEncoder } from './expected-of-encoder.js'

type DoorOptions = NonNullable<Parameters<FrontDoor['fromPretrained']>[1]>

/** What `AutoModel` and the other classes of encoders offer, as far as the suite uses it. */
export interface EncoderDoor {
  fromPretrained(
    folder: string,
    options?: Pick<DoorOptions, 'quantizationConfig' | 'compute' | 'cache'>,
  ): Promise<EncoderDoorModel>
}

export interface EncoderDoorModel extends AsyncDisposable {
  readonly quantization: FrontDoorModel['quantization']
  /** What is computed of each text; rows of tokens one behind the other. */
  forward(batch: {
    readonly inputIds: readonly (readonly number[])[]
    readonly attentionMask?: readonly (readonly number[])[]
    readonly tokenTypeIds?: readonly (readonly number[])[]
  }): Promise<
    readonly {
      readonly lastHiddenState?: Float32Array
      readonly poolerOutput?: Float32Array
      readonly logits?: Float32Array
    }[]
  >
  embed?(texts: readonly { readonly inputIds: readonly number[] }[]): Promise<readonly Float32Array[]>
  savePretrained(out: string): Promise<void>
}

export interface EncoderOptions {
  /** The class for each task: `AutoModel`, `AutoModelForSequenceClassification`, … */
  readonly doors: Readonly<Record<EncoderTask, EncoderDoor>>
  /**
   * Folders of models with `expected.safetensors` beside them, made by another implementation: `input_ids` [texts, tokens]
   * and `attention_mask`, perhaps `token_type_ids`; and any of `last_hidden_state`, `pooler_output`, `logits`,
   * `sentence_embedding`.
   */
  readonly goldens: readonly string[]
  /** Ways to quantize, by name. Each is tried on a tiny model of the family. */
  readonly configs?: Readonly<Record<string, QuantizationConfigInput>>
  /** Token ids that calibrate, and the same grid without calibration. */
  readonly calibration?: CalibratedConfigs
  readonly refused?: readonly ArchitectureRefusal[]
}

/**
 * Everything that is tried on a family of encoders. Checks of quantization are made on a tiny model with the config of a
 * golden.
 *
 * @throws TypeError where there is no golden.
 */
export function encoderChecks(
  architecture: Architecture,
  { doors, goldens, configs = {}, calibration, refused = [] }: EncoderOptions,
): readonly ArchitectureCheck[] {
  const [first] = goldens
  if (first === undefined) {
    throw new TypeError(`${architecture.names[0]} has no golden: its config.json is that of the tiny models`)
  }
  const door = doors['hidden-states']
  const config = async () => (await readJsonFile(join(first, 'config.json'))).value
  const tiny = async (folder: string) => writeTinyEncoder(folder, await config())
  let float: Promise<Float32Array> | undefined
  const statesOfFloat = (from: string) => {
    float ??= statesIn(door, from)
    return float
  }
  return [
    ...goldens.map((golden) => ({
      subject: 'runs',
      title: `computes what is expected of ${golden.split(/[\\/]/).at(-1)}`,
      // One model of the family is computed as it is compiled for later starts.
      run: () => computesGolden(doors, golden, { compute: 'exact', cache: golden === first }),
    })),
    {
      subject: 'beside others',
      title: 'a text gets the same outputs alone and beside others, to the bit',
      run: async (folder) => {
        for (const [task, golden] of await firstOfTasks(goldens)) {
          const own = (await readJsonFile(join(golden, 'config.json'))).value
          const model = await writeTinyEncoder(join(folder, task), own)
          await using loaded = await doors[task].fromPretrained(model)
          await demandSameBesideOthers(loaded)
        }
      },
    },
    ...Object.entries(configs).map(
      ([name, quantizationConfig]): ArchitectureCheck => ({
        subject: name,
        title: `${name}: quantized, saved and loaded again it computes the same, alone and beside others`,
        run: async (folder) => {
          const from = await tiny(join(folder, 'float'))
          const float = await statesOfFloat(from)
          await quantizes(door, from, { folder, quantizationConfig, float })
        },
      }),
    ),
    ...(calibration === undefined
      ? []
      : [
          {
            subject: 'calibration',
            title: 'calibrated weights are nearer to the float model than rounded ones',
            run: async (folder: string) =>
              calibrates(withStatesAsLogits(door), await tiny(folder), calibration),
          },
        ]),
    ...refusals(architecture, config, refused),
  ]
}

const writeTinyEncoder = (folder: string, config: JsonObject): Promise<string> =>
  writeTinyModel(folder, tinyConfig(config), { decoder: 'vectors' })

/** Of exact values, as a share of the largest one. */
const LARGEST_ERROR = 2e-5
const contract = 'a definition computes what the family computes elsewhere'

async function computesGolden(
  doors: EncoderOptions['doors'],
  folder: string,
  options: Pick<DoorOptions, 'compute' | 'cache'>,
): Promise<void> {
  const { batch, states, pooled, logits, sentences, texts } = await readExpectedOfEncoder(folder)
  const compare = (what: string, found: readonly (Float32Array | undefined)[], wanted: Float32Array) => {
    const error = relativeError(joined(found), wanted)
    demand(error < LARGEST_ERROR, `the largest error of ${what} is ${error} of the largest value`, contract)
  }
  if (states !== undefined || pooled !== undefined || sentences !== undefined) {
    await using model = await doors['hidden-states'].fromPretrained(folder, options)
    const found = await model.forward(batch)
    if (states)
      compare(
        'a hidden state',
        found.map(({ lastHiddenState: own }) => own),
        states,
      )
    if (pooled)
      compare(
        'a pooled vector',
        found.map((one) => one.poolerOutput),
        pooled,
      )
    if (sentences) compare('a sentence vector', (await model.embed?.(texts)) ?? [], sentences)
  }
  if (logits !== undefined) {
    await using model = await doors[await taskOf(folder)].fromPretrained(folder, options)
    compare(
      'a logit',
      (await model.forward(batch)).map((one) => one.logits),
      logits,
    )
  }
}

async function taskOf(folder: string): Promise<EncoderTask> {
  const { value } = await readJsonFile(join(folder, 'config.json'))
  const name = String([value.architectures].flat()[0])
  if (name.endsWith('ForSequenceClassification')) return 'sequence-classification'
  if (name.endsWith('ForTokenClassification')) return 'token-classification'
  return name.endsWith('ForMaskedLM') ? 'masked-lm' : 'hidden-states'
}

/** Of each task, the first golden. */
async function firstOfTasks(goldens: readonly string[]): Promise<ReadonlyMap<EncoderTask, string>> {
  const found = new Map<EncoderTask, string>()
  for (const golden of goldens) {
    const task = await taskOf(golden)
    if (!found.has(task)) found.set(task, golden)
  }
  return found
}

const joined = (parts: readonly (Float32Array | undefined)[]): Float32Array =>
  Float32Array.from(parts.flatMap((part) => Array.from(part ?? [])))

const token = (at: number, seed: number) => (at * (7 + seed) + 13 * seed) % 96
const text = (length: number, seed: number) => Array.from({ length }, (_, at) => token(at, seed))
const TEXTS = [21, 5, 1, 40, 12].map((length, seed) => text(length, seed + 1))

async function demandSameBesideOthers(model: EncoderDoorModel): Promise<void> {
  const together = await model.forward({ inputIds: TEXTS })
  for (const [index, ids] of TEXTS.entries()) {
    const [alone] = await model.forward({ inputIds: [ids] })
    for (const [name, of] of Object.entries(OUTPUTS)) {
      const [one, other] = [of(together[index]!), of(alone!)]
      if (one === undefined || other === undefined) continue
      demand(
        Buffer.compare(bytesOf(one), bytesOf(other)) === 0,
        `${name} of text ${index} differ by up to ${relativeError(one, other)}`,
        'a text has the same bits alone and beside others',
      )
    }
  }
}

type EncoderOutput = Awaited<ReturnType<EncoderDoorModel['forward']>>[number]

const OUTPUTS = {
  'hidden states': ({ lastHiddenState }: EncoderOutput) => lastHiddenState,
  'pooled vectors': ({ poolerOutput }: EncoderOutput) => poolerOutput,
  logits: ({ logits }: EncoderOutput) => logits,
} as const

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Each of these models is opened once: to pack its weights for later starts would take longer than all that it computes. */
const EXACT = { compute: 'exact', cache: false } as const

interface Quantizing {
  readonly folder: string
  readonly quantizationConfig: QuantizationConfigInput
  /** Hidden states of the float model. */
  readonly float: Float32Array
}

async function quantizes(
  door: EncoderDoor,
  from: string,
  { folder, quantizationConfig, float }: Quantizing,
): Promise<void> {
  const saved = join(folder, 'quantized')
  await using model = await door.fromPretrained(from, { quantizationConfig, ...EXACT })
  const states = await statesOf(model)
  demand(states.every(Number.isFinite), 'hidden states are not finite', 'a quantized model computes')
  demand(
    relativeError(states, float) > 0,
    'no hidden state changes',
    'linear layers of the blocks are quantized',
  )
  await model.savePretrained(saved)
  const error = relativeError(await statesIn(door, saved), states)
  demand(error === 0, `hidden states differ by ${error}`, 'what is saved is loaded')
  await using fast = await door.fromPretrained(saved, { cache: false })
  await demandSameBesideOthers(fast)
}

async function statesIn(door: EncoderDoor, folder: string): Promise<Float32Array> {
  await using model = await door.fromPretrained(folder, EXACT)
  return await statesOf(model)
}

const statesOf = async (model: EncoderDoorModel): Promise<Float32Array> =>
  joined((await model.forward({ inputIds: TEXTS })).map(({ lastHiddenState: states }) => states))

/** Hidden states stand for logits. */
const withStatesAsLogits = (door: EncoderDoor): CalibratedDoor => ({
  async fromPretrained(folder, options) {
    const model = await door.fromPretrained(folder, options)
    return {
      quantization: model.quantization,
      forward: async (input) => ({
        logits: joined((await model.forward(input)).map(({ lastHiddenState: states }) => states)),
      }),
      [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
    }
  },
})
