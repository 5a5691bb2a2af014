import type { Terminal } from '../output/terminal.js'
import { type DescribedModel, describeOpened, type OpenedModel } from './opened-model.js'
import type { Compute, EvalResult } from './protocol.js'
import { openReferenceFile } from './reference-file.js'
import { runChild } from './run-child.js'
import { makeSequences } from './sequences.js'

/** One row of the evaluation. */
export interface EvaluatedModel extends DescribedModel, EvalResult {
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
 * @throws ConfigError for models or texts that cannot be compared, before the first is loaded; as `runChild`.
 */
export async function evaluateModels(
  opened: readonly OpenedModel[],
  { texts, compute, terminal, signal }: EvaluationOptions,
): Promise<{ readonly rows: readonly EvaluatedModel[]; readonly tokens: number }> {
  const sequences = await makeSequences([opened[0]!, ...opened.slice(1)], texts)
  const reference = opened.length > 1 ? openReferenceFile() : undefined
  try {
    const rows: EvaluatedModel[] = []
    for (const each of opened) {
      const role = reference === undefined ? 'none' : rows.length === 0 ? 'write' : 'read'
      const { folder } = each
      const task = { kind: 'decoder', folder, compute, sequences, reference: role } as const
      const result = await runChild(task, reference?.fd, { terminal, signal })
      const lossDifference = result.loss - (rows[0]?.loss ?? result.loss)
      rows.push({ ...describeOpened(each), ...result, perplexity: Math.exp(result.loss), lossDifference })
    }
    return { rows, tokens: sequences.reduce((sum, ids) => sum + ids.length - 1, 0) }
  } finally {
    reference?.close()
  }
}
