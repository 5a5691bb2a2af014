import { cp, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import { describeModel, type EncoderTask } from '@hfquant/models'
import { type ExpectedOfEncoder, readExpectedOfEncoder, relativeError } from '@hfquant/testkit'
import { AutoModel, exportModel } from 'hfquant'
import { askForEncoders, type EncoderAnswer, type EncoderRequest, type PeerFailure } from './ask-peer.js'
import { ONNX_ERRORS } from './check-onnx.js'
import { refusal, type Verdict } from './export-cases.js'

/** An encoder to be exported, and what a library that loads it should compute. */
export interface EncoderCase {
  readonly title: string
  readonly folder: string
  readonly task: EncoderTask
  readonly expected: ExpectedOfEncoder
}

/** A folder that the Python library wrote, with what it computed. */
export async function goldenEncoderCase(from: string, work: string): Promise<EncoderCase> {
  const folder = join(work, basename(from))
  await cp(from, folder, { recursive: true })
  const expected = await readExpectedOfEncoder(from)
  // An exported model gives what its head does, or hidden states.
  if (expected.logits === undefined) await nameBareModel(folder)
  const { task } = await describeEncoder(folder)
  return { title: basename(from), folder, task, expected }
}

/** A folder whose hidden states are taken from hfquant itself. */
export async function ownEncoderCase(title: string, folder: string): Promise<EncoderCase> {
  await nameBareModel(folder)
  const { facts } = await describeEncoder(folder)
  const texts = [24, 9].map((length, seed) => ({
    inputIds: Array.from({ length }, (_, at) => 2 + ((at * (7 + seed) + 13 * seed) % (facts.vocabSize - 2))),
  }))
  const padded = (list: readonly number[]) => [...list, ...new Array(24 - list.length).fill(0)]
  await using model = await AutoModel.fromPretrained(folder, { compute: 'exact' })
  const found = await model.encode(texts)
  const batch = {
    inputIds: texts.map(({ inputIds }) => padded(inputIds)),
    attentionMask: texts.map(({ inputIds }) => padded(inputIds.map(() => 1))),
  }
  const states = Float32Array.from(found.flatMap(({ lastHiddenState }) => Array.from(lastHiddenState)))
  return { title, folder, task: 'hidden-states', expected: { batch, texts, states } }
}

/** "BertModel" in place of "BertForMaskedLM". */
async function nameBareModel(folder: string): Promise<void> {
  const config = await readConfig(folder)
  const architectures = [config.architectures].flat().map((name) => String(name).replace(/For\w+$/, 'Model'))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, architectures }))
}

const readConfig = async (folder: string): Promise<JsonObject> =>
  JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))

async function describeEncoder(folder: string) {
  const config = await readConfig(folder)
  const model = await describeModel(config, async () => ({}))
  if (model.kind === 'encoder') return model
  throw new TypeError(`${folder} holds a ${model.kind}`)
}

/**
 * Writes each encoder as an ONNX folder of each type, and holds what `@huggingface/transformers` computes of a padded batch
 * against what is expected.
 *
 * @returns verdicts by type, and in each in the order of the cases.
 */
export async function checkEncoders(
  cases: readonly EncoderCase[],
  work: string,
  types: readonly (keyof typeof ONNX_ERRORS)[],
): Promise<readonly Verdict[]> {
  const exported: (Asked | Verdict)[] = []
  for (const type of types) for (const each of cases) exported.push(await exportCase(each, type, work))
  const asked = exported.filter((one): one is Asked => 'request' in one)
  const answers = await askForEncoders(asked.map(({ request }) => request))
  return exported.map((one) => ('request' in one ? judge(one, answers[asked.indexOf(one)]!) : one))
}

interface Asked {
  readonly title: string
  readonly expected: ExpectedOfEncoder
  readonly request: EncoderRequest
  /** Largest error, as a share of the largest value. */
  readonly bound: number
}

async function exportCase(
  { title: name, folder, task, expected }: EncoderCase,
  type: keyof typeof ONNX_ERRORS,
  work: string,
): Promise<Asked | Verdict> {
  const title = `${name} in ${type}`
  const model = join(work, title)
  try {
    await exportModel(folder, model, { format: 'onnx', type })
  } catch (error) {
    return refusal(title, error)
  }
  const { inputIds, attentionMask, tokenTypeIds } = expected.batch
  const batch = {
    ...{ input_ids: inputIds, attention_mask: attentionMask },
    ...(tokenTypeIds && { token_type_ids: tokenTypeIds }),
  }
  return { title, expected, request: { model, task, batch }, bound: ONNX_ERRORS[type] }
}

function judge({ title, expected, request, bound }: Asked, answer: EncoderAnswer | PeerFailure): Verdict {
  if (answer.error !== undefined) return { title, state: 'different', reason: answer.error }
  const lengths = expected.texts.map(({ inputIds }) => inputIds.length)
  const isOfText = request.task === 'sequence-classification'
  const compared =
    request.task === 'hidden-states'
      ? ([
          ['last_hidden_state', expected.states, lengths],
          ['pooler_output', expected.pooled, undefined],
          ['sentence_embedding', expected.sentences, undefined],
        ] as const)
      : ([['logits', expected.logits, isOfText ? undefined : lengths]] as const)
  const errors = compared.flatMap(([name, wanted, rows]) =>
    wanted === undefined ? [] : [[name, relativeError(numbersOf(answer[name], rows), wanted)] as const],
  )
  const error = Math.max(...errors.map(([, own]) => own))
  const [name] = errors.find(([, own]) => !(own <= bound)) ?? []
  if (errors.length > 0 && name === undefined) return { title, state: 'same', error }
  const reason =
    name === undefined ? 'nothing was compared' : `${name} differs by ${error.toPrecision(2)} of the largest`
  return { title, state: 'different', error, reason }
}

/** Numbers of nested lists, of each text the rows of its tokens alone. JSON has null for what is not a number. */
function numbersOf(lists: readonly unknown[] = [], lengths: readonly number[] | undefined): Float32Array {
  const rows = lists.map((text, index) =>
    lengths ? (text as readonly unknown[]).slice(0, lengths[index]) : text,
  )
  const flat = rows.flat(Number.POSITIVE_INFINITY) as (number | null)[]
  return Float32Array.from(flat, (value) => value ?? Number.NaN)
}
