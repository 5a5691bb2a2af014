/** The bundled demo models and the texts that they were made with. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { type LabelledText, type LabelledTextOptions, labelledTextsOf } from './labelled-texts.js'

export type { LabelledText, LabelledTextOptions } from './labelled-texts.js'
export { type Random, type StoryOptions, story, storyList, storyText } from './stories.js'

/**
 * Absolute path of the model folder that ships with this package: Llama architecture, 3.4 million parameters, bfloat16,
 * in Hugging Face layout; trained on `storyText({ seed: 1 })`.
 */
export const demoModel: string = findAbove(dirname(fileURLToPath(import.meta.url)), 'demo-model')

/**
 * Absolute path of a model folder of GLiNER that ships with this package: 2.5 million parameters on DeBERTa v2, bfloat16;
 * trained on texts of `labelledTexts`, it finds people, places, organizations, dates, products and the like.
 */
export const demoGliner: string = findAbove(dirname(fileURLToPath(import.meta.url)), 'demo-gliner')

/** Texts with the entities that are to be found in them; equal options give equal texts. */
export const labelledTexts = (options: LabelledTextOptions): LabelledText[] =>
  labelledTextsOf(demoGliner, options)

/** Looks upwards, because this file lies at different depths in `src`, in `dist` and in a shared chunk of `dist`. */
function findAbove(start: string, name: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, name)
    if (existsSync(join(candidate, 'model.safetensors')) || dirname(folder) === folder) return candidate
  }
}
