import { AutoModelForCausalLM, type CausalLM, processMemory } from 'hfquant'
import type { Progress } from '../output/terminal.js'
import { startTokenClock } from '../token-clock.js'
import { type EvalResult, type EvalTask, REFERENCE_FD } from './protocol.js'
import { readRows, writeRows } from './reference-file.js'
import { score, toLogProbabilities } from './score.js'

/** Scores one model, in a process of its own, so that its memory is that of this model alone. */
export async function evaluateModel(
  task: EvalTask,
  onProgress: (event: Progress) => void,
): Promise<EvalResult> {
  await using model = await AutoModelForCausalLM.fromPretrained(task.folder, {
    compute: task.compute,
    onProgress,
  })
  const total = task.sequences.reduce((sum, ids) => sum + ids.length - 1, 0)
  let tokens = 0
  let negativeLogLikelihood = 0
  let divergence = 0
  let agreed = 0
  for (const ids of task.sequences) {
    const { logits, shape } = await model.forward({ inputIds: [ids] })
    const columns = shape[2]
    // The last position predicts what comes after the sequence.
    const own = logits.subarray(0, (ids.length - 1) * columns)
    toLogProbabilities(own, columns)
    const reference = exchange(task.reference, tokens, own, columns)
    const sums = score(own, ids.slice(1), columns, reference)
    tokens += sums.tokens
    negativeLogLikelihood += sums.negativeLogLikelihood
    divergence += sums.divergence
    agreed += sums.agreed
    onProgress({ stage: 'evaluate', tensor: task.folder, done: tokens, total, doneBytes: 0, totalBytes: 0 })
  }
  const tokensPerSecond = await decodingSpeed(model, task.sequences[0]!)
  const { anonymous, fileBacked, peakResident } = processMemory()
  return {
    loss: negativeLogLikelihood / tokens,
    kl: divergence / tokens,
    top1Agreement: agreed / tokens,
    tokensPerSecond,
    anonymousBytes: anonymous,
    fileBackedBytes: fileBacked,
    peakRssBytes: peakResident,
  }
}

/** Leaves the rows for the other models, or gets those of the first. */
function exchange(
  role: EvalTask['reference'],
  first: number,
  own: Float32Array,
  columns: number,
): Float32Array | undefined {
  if (role === 'write') writeRows(REFERENCE_FD, first, own, columns)
  if (role !== 'read') return undefined
  const reference = new Float32Array(own.length)
  readRows(REFERENCE_FD, first, reference, columns)
  return reference
}

const SPEED_PROMPT_TOKENS = 8
const SPEED_TOKENS = 64

/** Greedy decoding of `SPEED_TOKENS` tokens, after one that is not counted. */
async function decodingSpeed(model: CausalLM, ids: readonly number[]): Promise<number | null> {
  const inputIds = ids.slice(0, Math.min(SPEED_PROMPT_TOKENS, ids.length - 1))
  if (model.contextLength < inputIds.length + 2) return null
  const clock = startTokenClock()
  const options = { maxNewTokens: SPEED_TOKENS + 1, temperature: 0, ignoreEos: true }
  for await (const _ of model.generate({ inputIds }, options)) clock.tick()
  return clock.perSecond()
}
