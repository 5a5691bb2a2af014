import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { ServedModel } from '../models/plan-models.js'
import { ServerUsageError } from './resolve-settings.js'

/**
 * `[NAME=]MODEL` as models by name. Without a name, a model is called by its hub id, or by the last part of its folder.
 *
 * @throws ServerUsageError for two models of one name.
 */
export function nameModels(models: readonly string[]): Readonly<Record<string, ServedModel>> {
  const named = models.map((text) => {
    const [, name, path = text] = existsSync(text) ? [] : (/^([^=/\\]+)=(.+)$/.exec(text) ?? [])
    return { name: name ?? (existsSync(path) ? basename(resolve(path)) : path), path }
  })
  const taken = new Set<string>()
  for (const { name } of named) {
    if (taken.has(name)) {
      throw new ServerUsageError('MODEL_NAME', `two models are called "${name}"`, {
        found: name,
        hint: 'Give them names: NAME=MODEL.',
      })
    }
    taken.add(name)
  }
  return Object.fromEntries(named.map(({ name, path }) => [name, { path }]))
}
