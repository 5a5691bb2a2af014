import type { ModelLayout } from '../models/layout.js'
import { succeeding } from './breach.js'
import type { NamedConfig } from './check.js'
import type { Workbench, WorkbenchModel } from './workbench.js'

export const RELOAD =
  'a saved model holds everything that is needed to load it again, and what is loaded is bit for bit what was saved'

/** Quantizes a tiny model and saves it. */
export async function quantizeAndSave(
  bench: Workbench,
  { config }: NamedConfig,
  layout: ModelLayout,
): Promise<{ readonly model: WorkbenchModel; readonly saved: string }> {
  const from = await bench.checkpoint(layout)
  const model = await bench.load({ from, layout, config })
  const saved = await succeeding('saving the quantized model', RELOAD, () => bench.save(model))
  return { model, saved }
}

export const reload = (bench: Workbench, from: string, layout: ModelLayout): Promise<WorkbenchModel> =>
  succeeding('loading the saved model with no argument', RELOAD, () => bench.load({ from, layout }))

/** The two sides of a comparison after loading. */
export const SIDES = { found: 'the reloaded model', wanted: 'the model that was saved' }
