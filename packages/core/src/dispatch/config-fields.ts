import type { ConfigRules } from '../contract/definition.js'
import type { JsonObject } from '../contract/json.js'

/** The key of each member in config.json, and how it is read; what is read of `{}` is its default. */
export type ConfigFields<Config> = {
  readonly [Member in keyof Config]-?: readonly [
    key: string,
    read: (json: JsonObject, key: string) => Config[Member],
  ]
}

/** The rules of a configuration whose members stand in config.json as they are: what is undefined is written as null. */
export function configFields<Config extends object>(
  fields: ConfigFields<Config>,
): Pick<ConfigRules<Config>, 'parse' | 'format'> {
  const all = Object.entries(fields) as [keyof Config, ConfigFields<Config>[keyof Config]][]
  return {
    parse: (json) =>
      Object.fromEntries(all.map(([member, [key, read]]) => [member, read(json, key)])) as Config,
    format: (config) => Object.fromEntries(all.map(([member, [key]]) => [key, config[member] ?? null])),
  }
}
