import { GLiNER, type LoadGlinerOptions, processMemory } from 'hfquant'
import { firstLabels, glinerTexts, LABEL_COUNTS, speedNames } from './texts.js'

export interface GlinerRequest {
  readonly folder: string
  readonly threads: number
  readonly dtype?: LoadGlinerOptions['dtype']
  readonly quantize?: 'int8'
  /** Texts to find entities in; 0 to look at the memory alone. */
  readonly texts: number
}

/** Megabytes, and texts per second, by their name. */
export type GlinerFigures = Readonly<Record<string, number>>

/**
 * Loads a GLiNER in this process, which has done nothing else, and finds entities of 4 and of 20 labels.
 *
 * The most memory while it loads is that above what the process has before, imported modules included.
 */
export async function measureGliner({
  folder,
  texts: count,
  ...load
}: GlinerRequest): Promise<GlinerFigures> {
  const before = processMemory().resident
  const peak = () => (processMemory().peakResident - before) / 1e6
  await using model = await GLiNER.fromPretrained(folder, load)
  const weights = model.memoryFootprint() / 1e6
  const loading = peak()
  const figures: Record<string, number> = { 'weights MB': weights, 'loading MB': loading }
  figures['allowed MB'] = 1.15 * weights + 60
  const texts = glinerTexts(count)
  await model.predictEntities(texts[0] ?? 'Nobody.', firstLabels(4))
  figures['first answer MB'] = peak()
  for (const labels of count === 0 ? [] : LABEL_COUNTS) {
    const [one, all] = speedNames(labels)
    const start = performance.now()
    for (const text of texts) await model.predictEntities(text, firstLabels(labels))
    figures[one] = (1000 * count) / (performance.now() - start)
    const together = performance.now()
    await model.batchPredictEntities(texts, firstLabels(labels))
    figures[all] = (1000 * count) / (performance.now() - together)
  }
  return figures
}
