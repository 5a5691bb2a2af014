import type { ServerContext } from '../context.js'
import type { BegunGeneration } from '../generate/begin-generation.js'
import { ignoredHeader } from './fields.js'

/** Headers of an answer that was generated; fields that were ignored are counted, too. */
export function answerHeaders(
  { metrics }: ServerContext,
  { entry, prompts }: Pick<BegunGeneration, 'entry' | 'prompts'>,
  ignored: readonly string[],
): Readonly<Record<string, string>> {
  for (const name of ignored) metrics.ignored(entry.name, name)
  const prefix = prompts[0]?.prefix
  return {
    ...ignoredHeader(ignored),
    ...(prefix !== undefined && { 'x-hfquant-prefix': prefix }),
  }
}
