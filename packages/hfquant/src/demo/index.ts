/** The bundled demo model and the text it was made with. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export { type Random, type StoryOptions, story, storyList, storyText } from './stories.js'

/**
 * Absolute path of the model folder that ships with this package: Llama architecture, 3.4 million parameters, bfloat16,
 * in Hugging Face layout; trained on `storyText({ seed: 1 })`.
 */
export const demoModel: string = findAbove(dirname(fileURLToPath(import.meta.url)), 'demo-model')

/** Looks upwards, because this file lies at different depths in `src`, in `dist` and in a shared chunk of `dist`. */
function findAbove(start: string, name: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, name)
    if (existsSync(join(candidate, 'config.json')) || dirname(folder) === folder) return candidate
  }
}
