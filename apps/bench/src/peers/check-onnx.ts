import { join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import { exportModel } from 'hfquant'
import { askPeer, type PeerAnswer, type PeerFailure, type PeerRequest } from './ask-peer.js'
import { compareChoices, quantile, relativeError, tokenErrors } from './expected.js'
import { type ExportCase, readConfig, refusal, untilEnd, type Verdict } from './export-cases.js'

/**
 * Largest error of an output by precision, from the unrounded model; float32 is held to the same tokens, too. Four bits leave
 * little of random weights, so that their bound tells no more than that logits are numbers.
 */
export const ONNX_ERRORS = { fp32: 2e-5, fp16: 3e-2, q4: 2, q4f16: 2 } as const

/**
 * Share of the tokens of a mixture that must be so near in float16: one of two experts that are about as good may be chosen in
 * place of the other, and tokens further on read what it made.
 */
const NEAR_TOKENS = 0.8

type CheckedType = keyof typeof ONNX_ERRORS

/**
 * Writes each model as an ONNX folder of each type, and holds what `@huggingface/transformers` computes against what is
 * expected: the logits, and in float32 the tokens that it decodes, as the shorter, padded row of a batch.
 *
 * @returns verdicts by type, and in each in the order of the cases.
 */
export async function checkOnnx(
  cases: readonly ExportCase[],
  work: string,
  types: readonly CheckedType[],
): Promise<readonly Verdict[]> {
  const exported: (Asked | Verdict)[] = []
  for (const type of types) for (const each of cases) exported.push(await exportCase(each, type, work))
  const asked = exported.filter((one): one is Asked => 'request' in one)
  const answers = await askPeer<number[][]>(
    'transformers-js',
    asked.map(({ request }) => request),
  )
  return exported.map((one) => ('request' in one ? judge(one, answers[asked.indexOf(one)]!) : one))
}

async function exportCase(each: ExportCase, type: CheckedType, work: string): Promise<Asked | Verdict> {
  const title = `${each.title} in ${type}`
  const model = join(work, title)
  try {
    const { warnings } = await exportModel(each.folder, model, { format: 'onnx', type })
    const { sequences, greedy } = each.expected
    const prompts = [greedy.slice(0, 8), sequences[1]!.slice(0, 13)]
    const request = { model, sequences, ...(type === 'fp32' && { greedy: { prompts, count: 16 } }) }
    // A sequence that grows across the length of a longrope goes on in another way, as a warning says.
    const length = warnings.map((text) => /grows beyond (\d+) tokens/.exec(text)?.[1]).find(Boolean)
    const isLoose = type !== 'fp32' && hasExperts(await readConfig(each.folder))
    return { title, each, type, request, isLoose, tokens: length === undefined ? 16 : Number(length) - 8 + 1 }
  } catch (error) {
    return refusal(title, error)
  }
}

const hasExperts = (config: JsonObject): boolean =>
  Object.entries(config).some(([key, value]) => /num_experts|_experts$/.test(key) && Number(value) > 0)

interface Asked {
  readonly title: string
  readonly each: ExportCase
  readonly type: CheckedType
  readonly request: PeerRequest
  /** Whether some tokens may differ. */
  readonly isLoose: boolean
  /** How many of the decoded tokens are to be the same. */
  readonly tokens: number
}

function judge(
  { title, each: { expected }, type, isLoose, tokens }: Asked,
  answer: PeerAnswer<number[][]> | PeerFailure,
): Verdict {
  if (answer.error !== undefined) return { title, state: 'different', reason: answer.error }
  const error = isLoose
    ? quantile(tokenErrors(answer.logits, expected.logits), NEAR_TOKENS)
    : relativeError(answer.logits, expected.logits)
  const [choice] = isLoose ? [] : compareChoices(answer.logits, expected.logits, ONNX_ERRORS[type]).different
  const [found] = answer.greedy.map((row) => untilEnd(row.slice(0, tokens)))
  const greedy = untilEnd(expected.greedy.slice(8, 8 + tokens))
  const reason = !(error <= ONNX_ERRORS[type])
    ? `logits differ by ${error.toPrecision(2)} of the largest`
    : found === undefined || found.join() === greedy.join()
      ? choice
      : `it goes on with ${found}, not ${greedy}`
  return { title, state: reason === undefined ? 'same' : 'different', error, ...(reason && { reason }) }
}
