import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The text of the template that conversations of a model folder are written with; undefined where it has none. */
export async function readChatTemplate(folder: string): Promise<string | undefined> {
  const file = await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(() => undefined)
  if (file !== undefined) return file
  const config = await readFile(join(folder, 'tokenizer_config.json'), 'utf8').catch(() => '{}')
  const declared = (JSON.parse(config) as { chat_template?: unknown } | null)?.chat_template
  if (typeof declared === 'string') return declared
  if (!Array.isArray(declared)) return undefined
  const named = declared.find((entry) => entry?.name === 'default')?.template
  return typeof named === 'string' ? named : undefined
}
