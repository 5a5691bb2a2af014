import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '@hfquant/core'
import { exportModel } from 'hfquant'
import { askPeer, type PeerAnswer, type PeerFailure, type PeerRequest } from './ask-peer.js'
import { compareChoices, relativeError } from './expected.js'
import { type ExportCase, ownCase, readConfig, refusal, type Verdict } from './export-cases.js'

/** Largest error of a logit, as a share of the largest one, where silu is between the products: sums in another order. */
const LARGEST_ERROR = 2e-5

/** llama.cpp takes gelu from a table in half precision, and norms latents with the epsilon of other norms. */
const ROUGH_ERROR = 5e-3

/** Writes each model as GGUF in F32, and holds what llama.cpp computes against what is expected. */
export async function checkGguf(cases: readonly ExportCase[], work: string): Promise<readonly Verdict[]> {
  const verdicts = new Map<string, Verdict>()
  const asked: Asked[] = []
  for (const given of cases) {
    const model = join(work, `${given.title}.gguf`)
    try {
      const { warnings } = await exportModel(given.folder, model, { format: 'gguf', type: 'F32' })
      // A rope whose corners llama.cpp rounds is another one: it is held against that.
      const isRounded = warnings.some((text) => /rounds the corners of yarn/.test(text))
      const each = isRounded ? await withRoundedCorners(given, work) : given
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
      const isRough = warnings.some((text) => /with the epsilon of other norms/.test(text))
      const bound = isRough || !(await usesSilu(each.folder)) ? ROUGH_ERROR : LARGEST_ERROR
      asked.push({ each, request, tokens, bound })
    } catch (error) {
      verdicts.set(given.title, refusal(given.title, error))
    }
  }
  const answers = await askPeer<number[]>(
    'llama-cpp',
    asked.map(({ request }) => request),
  )
  for (const [index, one] of asked.entries()) verdicts.set(one.each.title, judge(one, answers[index]!))
  return cases.map(({ title }) => verdicts.get(title)!)
}

interface Asked {
  readonly each: ExportCase
  readonly request: PeerRequest
  /** How many of a sequence are compared. */
  readonly tokens: number
  readonly bound: number
}

async function usesSilu(folder: string): Promise<boolean> {
  const { hidden_act: name } = await readConfig(folder)
  return name === 'silu'
}

/** The same weights with another rope, computed by hfquant. */
async function withRoundedCorners({ title, folder }: ExportCase, work: string): Promise<ExportCase> {
  const rounded = join(work, `${title} with rounded corners`)
  await cp(folder, rounded, { recursive: true })
  const { rope_parameters: rope, ...config } = await readConfig(folder)
  const changed = { ...config, rope_parameters: { ...(rope as JsonObject), truncate: true } }
  await writeFile(join(rounded, 'config.json'), JSON.stringify(changed))
  return ownCase(title, rounded)
}

function judge(
  { each: { title, expected }, tokens, bound }: Asked,
  answer: PeerAnswer<number[]> | PeerFailure,
): Verdict {
  if (answer.error !== undefined) return { title, state: 'different', reason: answer.error }
  const wanted = expected.logits.map((rows) => rows.slice(0, tokens))
  const error = relativeError(answer.logits, wanted)
  const [choice] = compareChoices(answer.logits, wanted, bound).different
  const found = answer.greedy
  const greedy = expected.greedy.slice(8, 8 + found.length)
  const reason = !(error <= bound)
    ? `logits differ by ${error.toPrecision(2)} of the largest`
    : found.join() === greedy.join()
      ? choice
      : `it goes on with ${found}, not ${greedy}`
  return { title, state: reason === undefined ? 'same' : 'different', error, ...(reason && { reason }) }
}
