import { residentMemory } from '../measure/resident-memory.js'
import { type EmbedderName, type EmbedderOptions, openEmbedder } from './embedder.js'

export interface TextsRequest extends EmbedderOptions {
  readonly engine: EmbedderName
  readonly vocabulary: number
  /** Texts of a pass. */
  readonly texts: number
  /** Texts of a call, as many figures. */
  readonly batches: readonly number[]
}

/** Figures by their name: texts per second of each batch, and memory after the model has computed. */
export type TextsFigures = Readonly<Record<string, number>>

/** Tokens of the shortest and of the longest text. */
const [SHORTEST, LONGEST] = [8, 256]

/** Measures one library with one model in this process, which has done nothing else. */
export async function measureTexts(request: TextsRequest): Promise<TextsFigures> {
  const { engine, texts: count, batches, vocabulary } = request
  const embedder = await openEmbedder(engine, request)
  const texts = mixedTexts(count, vocabulary)
  // What is laid out or compiled for the first runs is not what later ones take.
  for (const text of texts.slice(0, 2)) await embedder.embed([text])
  const figures: Record<string, number> = {}
  for (const batch of batches) {
    const start = performance.now()
    for (let first = 0; first < count; first += batch) await embedder.embed(texts.slice(first, first + batch))
    figures[`texts/s, batch ${batch}`] = (1000 * count) / (performance.now() - start)
  }
  const memory = residentMemory()
  if (memory !== undefined) {
    figures['anonymous MB'] = memory.anonymous / 1e6
    figures['file MB'] = memory.file / 1e6
  }
  await embedder.close()
  return figures
}

/** Lengths spread evenly between the shortest and the longest, long ones beside short ones. */
function mixedTexts(count: number, vocabulary: number): readonly (readonly number[])[] {
  const golden = (Math.sqrt(5) - 1) / 2
  return Array.from({ length: count }, (_, text) => {
    const place = ((text + 0.5) * golden) % 1
    const length = SHORTEST + Math.floor(place * (LONGEST - SHORTEST + 1))
    return Array.from({ length }, (_, at) => 1 + ((at * 7919 + text * 104_729) % (vocabulary - 1)))
  })
}
