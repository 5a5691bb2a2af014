import { ConfigError } from 'hfquant'
import { storyList } from 'hfquant/demo'
import { readText } from '../read-text.js'

export const DEFAULT_STORIES = 200

/** Stories of this seed were never shown to the demo model. */
const EVALUATION_SEED = 2

/**
 * The texts to evaluate, one sequence each: the paragraphs of a file, or stories of the demo.
 *
 * @throws ConfigError TEXT_EMPTY; as `readText`.
 */
export async function readTexts({
  text: file,
  stories = DEFAULT_STORIES,
}: {
  readonly text?: string
  readonly stories?: number
}): Promise<readonly string[]> {
  if (file === undefined) return storyList({ seed: EVALUATION_SEED, stories })
  const content = await readText(file)
  const paragraphs = content.split(/\r?\n(?:[ \t]*\r?\n)+/).map((paragraph) => paragraph.trim())
  const texts = paragraphs.filter((paragraph) => paragraph !== '')
  if (texts.length > 0) return texts
  throw new ConfigError('TEXT_EMPTY', `the text ${file} has no paragraphs`, {
    file,
    hint: 'Separate the sequences by blank lines.',
  })
}
