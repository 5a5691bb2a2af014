import { inspectModel, resolveModel } from 'hfquant'
import { bitsPerWeight } from '../bits-per-weight.js'
import { showDownload } from '../output/show-download.js'
import type { Terminal } from '../output/terminal.js'
import type { Compute, EvalResult } from './protocol.js'
import { openReferenceFile } from './reference-file.js'
import { runChild } from './run-child.js'
import { makeSequences } from './sequences.js'

/** One row of the evaluation. */
export interface EvaluatedModel extends EvalResult {
  /** As the user named it. */
  readonly model: string
  /** Null for a float model. */
  readonly method: string | null
  readonly bytesOnDisk: number
  readonly bitsPerWeight: number | null
  readonly perplexity: number
  /** Loss minus that of the first model; 0 for the first. */
  readonly lossDifference: number
}

export interface EvaluationOptions {
  readonly texts: readonly string[]
  readonly compute: Compute
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

/**
 * Evaluates models one after the other on the same tokens, and compares each with the first.
 *
 * @returns a row per model, and the number of predicted tokens.
 * @throws everything that can be known beforehand, for all models, before the first is loaded.
 */
export async function evaluateModels(
  models: readonly string[],
  { texts, compute, terminal, signal }: EvaluationOptions,
): Promise<{ readonly rows: readonly EvaluatedModel[]; readonly tokens: number }> {
  const opened = []
  for (const model of models) {
    const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
    opened.push({ model, folder, inspection: await inspectModel(folder, { signal }) })
  }
  const sequences = await makeSequences([opened[0]!, ...opened.slice(1)], texts)
  const reference = opened.length > 1 ? openReferenceFile() : undefined
  try {
    const rows: EvaluatedModel[] = []
    for (const { model, folder, inspection } of opened) {
      const role = reference === undefined ? 'none' : rows.length === 0 ? 'write' : 'read'
      const task = { folder, compute, sequences, reference: role } as const
      const result = await runChild(task, reference?.fd, { terminal, signal })
      const method = inspection.quantization?.method ?? null
      const { bytesOnDisk } = inspection
      const size = { bytesOnDisk, bitsPerWeight: bitsPerWeight(inspection) }
      const lossDifference = result.loss - (rows[0]?.loss ?? result.loss)
      rows.push({ model, method, ...size, ...result, perplexity: Math.exp(result.loss), lossDifference })
    }
    return { rows, tokens: sequences.reduce((sum, ids) => sum + ids.length - 1, 0) }
  } finally {
    reference?.close()
  }
}
