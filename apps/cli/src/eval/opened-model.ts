import { CapabilityError, ConfigError, inspectModel, type ModelInspection, resolveModel } from 'hfquant'
import { bitsPerWeight } from '../bits-per-weight.js'
import { isGliner } from '../encoders/is-gliner.js'
import { showDownload } from '../output/show-download.js'
import type { Terminal } from '../output/terminal.js'

/** A model to be evaluated, of which nothing is loaded yet. */
export interface OpenedModel {
  /** As the user named it. */
  readonly model: string
  readonly folder: string
  readonly inspection: ModelInspection
}

/** What a row says of a model whatever it computes. */
export interface DescribedModel {
  /** As the user named it. */
  readonly model: string
  /** Null for a float model. */
  readonly method: string | null
  readonly bytesOnDisk: number
  readonly bitsPerWeight: number | null
}

/**
 * Looks at all models.
 *
 * @throws what inspecting them throws; CapabilityError TASK_UNAVAILABLE for GLiNER; ConfigError EVAL_TASKS for models that
 * compute different things.
 */
export async function openModels(
  models: readonly string[],
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<readonly OpenedModel[]> {
  const opened: OpenedModel[] = []
  for (const model of models) {
    const folder = await resolveModel(model, { signal, onProgress: showDownload(terminal) })
    const inspection = await inspectModel(folder, { signal })
    if (isGliner(inspection)) throw withoutClasses(model, folder)
    opened.push({ model, folder, inspection })
  }
  const [first] = opened
  const other = opened.find(({ inspection }) => inspection.task !== first?.inspection.task)
  if (first === undefined || other === undefined) return opened
  throw new ConfigError(
    'EVAL_TASKS',
    `${other.model} is a model for ${other.inspection.task}, ${first.model} one for ${first.inspection.task}`,
    {
      ...{ file: other.folder, field: 'architectures' },
      ...{ found: other.inspection.task, expected: first.inspection.task },
      hint: 'Only models that compute the same can be compared; evaluate them one by one.',
    },
  )
}

const withoutClasses = (model: string, folder: string): CapabilityError =>
  new CapabilityError('TASK_UNAVAILABLE', `${model} is GLiNER, which has no classes to compare`, {
    file: folder,
    hint: 'Compare what `hfquant entities` finds with each model.',
  })

export const describeOpened = ({ model, inspection }: OpenedModel): DescribedModel => ({
  model,
  method: inspection.quantization?.method ?? null,
  bytesOnDisk: inspection.bytesOnDisk,
  bitsPerWeight: bitsPerWeight(inspection),
})
