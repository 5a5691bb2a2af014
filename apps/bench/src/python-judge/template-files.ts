import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface NamedTemplate {
  readonly name: string
  readonly source: string
}

/** Every chat template below a folder: .jinja files, and `chat_template` in JSON files. */
export async function findTemplates(folder: string): Promise<NamedTemplate[]> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => /\.(jinja2?|json)$/.test(name))
  const found = await Promise.all(files.sort().map((name) => readTemplates(folder, name)))
  return found.flat()
}

async function readTemplates(folder: string, name: string): Promise<NamedTemplate[]> {
  const text = await readFile(join(folder, name), 'utf8')
  if (!name.endsWith('.json')) return [{ name, source: text }]
  const template: unknown = parseObject(text).chat_template
  if (typeof template === 'string') return [{ name, source: template }]
  if (!Array.isArray(template)) return []
  return template.flatMap((entry: { name?: unknown; template?: unknown } | null) =>
    typeof entry?.template === 'string' ? [{ name: `${name} ${entry.name}`, source: entry.template }] : [],
  )
}

/** Files that are not JSON hold no template. */
function parseObject(text: string): { readonly chat_template?: unknown } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
