import { join } from 'node:path'
import { exportModel } from 'hfquant'
import { askPeer, type PeerAnswer, type PeerFailure, type PeerRequest } from './ask-peer.js'
import { compareChoices, relativeError } from './expected.js'
import { type ExportCase, refusal, type Verdict } from './export-cases.js'

/** llama.cpp takes gelu from a table in half precision; without one logits differ by a few millionths. */
const LARGEST_ERROR = 1e-3

/** Writes each model as GGUF in F32, and holds what llama.cpp computes against what is expected. */
export async function checkGguf(cases: readonly ExportCase[], work: string): Promise<readonly Verdict[]> {
  const verdicts = new Map<string, Verdict>()
  const asked: { readonly each: ExportCase; readonly request: PeerRequest; readonly tokens: number }[] = []
  for (const each of cases) {
    const model = join(work, `${each.title}.gguf`)
    try {
      const { warnings } = await exportModel(each.folder, model, { format: 'gguf', type: 'F32' })
      const { sequences, greedy } = each.expected
      // Beyond a window that llama.cpp has not, results differ, as a warning says.
      const window = warnings.map((text) => /window.*beyond (\d+) tokens/.exec(text)?.[1]).find(Boolean)
      const tokens = Number(window ?? sequences[0]!.length)
      // A context has the factors of long texts from the first token on.
      const isLong = warnings.some((text) => /size of the context/.test(text))
      const decodes = window === undefined && !isLong
      const request = {
        ...{ model, sequences: sequences.map((ids) => ids.slice(0, tokens)) },
        ...(decodes && { greedy: { prompt: greedy.slice(0, 8), count: greedy.length - 8 } }),
      }
      asked.push({ each, request, tokens })
    } catch (error) {
      verdicts.set(each.title, refusal(each.title, error))
    }
  }
  const answers = await askPeer<number[]>(
    'llama-cpp',
    asked.map(({ request }) => request),
  )
  for (const [index, { each, tokens }] of asked.entries()) {
    verdicts.set(each.title, judge(each, answers[index]!, tokens))
  }
  return cases.map(({ title }) => verdicts.get(title)!)
}

function judge(
  { title, expected }: ExportCase,
  answer: PeerAnswer<number[]> | PeerFailure,
  tokens: number,
): Verdict {
  if (answer.error !== undefined) return { title, state: 'different', reason: answer.error }
  const wanted = expected.logits.map((rows) => rows.slice(0, tokens))
  const error = relativeError(answer.logits, wanted)
  const [choice] = compareChoices(answer.logits, wanted, LARGEST_ERROR).different
  const found = answer.greedy
  const greedy = expected.greedy.slice(8, 8 + found.length)
  const reason = !(error <= LARGEST_ERROR)
    ? `logits differ by ${error.toPrecision(2)} of the largest`
    : found.join() === greedy.join()
      ? choice
      : `it goes on with ${found}, not ${greedy}`
  return { title, state: reason === undefined ? 'same' : 'different', error, ...(reason && { reason }) }
}
