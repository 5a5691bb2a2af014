import type { EncoderTask } from 'hfquant'
import type { EvaluationOptions } from './evaluate-models.js'
import { type DescribedModel, describeOpened, type OpenedModel } from './opened-model.js'
import type { EncoderEvalResult, EncoderOutputs } from './protocol.js'
import { openReferenceFile } from './reference-file.js'
import { runChild } from './run-child.js'

/** One row of the evaluation. */
export interface EvaluatedEncoder extends DescribedModel, Omit<EncoderEvalResult, 'outputs'> {}

/**
 * Evaluates encoders one after the other on the same texts, and compares each with the first.
 *
 * @returns a row per model, and the number of vectors or of classified texts or tokens.
 * @throws ConfigError EVAL_OUTPUTS for models whose outputs cannot be compared; as `runChild`.
 */
export async function evaluateEncoders(
  opened: readonly OpenedModel[],
  computes: EncoderTask,
  { texts, compute, terminal, signal }: EvaluationOptions,
): Promise<{ readonly rows: readonly EvaluatedEncoder[]; readonly outputs: number }> {
  const reference = opened.length > 1 ? openReferenceFile() : undefined
  try {
    const rows: EvaluatedEncoder[] = []
    let first: EncoderOutputs | undefined
    for (const each of opened) {
      const role = reference === undefined ? 'none' : first === undefined ? 'write' : 'read'
      const common = { kind: 'encoder', folder: each.folder, compute, computes, texts } as const
      const task = { ...common, reference: role, first } as const
      const { outputs, ...result } = await runChild(task, reference?.fd, { terminal, signal })
      first ??= outputs
      rows.push({ ...describeOpened(each), ...result })
    }
    return { rows, outputs: sum(first?.rows ?? []) }
  } finally {
    reference?.close()
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
