import { readFile } from 'node:fs/promises'
import { ConfigError } from 'hfquant'
import type { ServerSettings } from '../settings/options.js'
import { type ApiKey, plainKey, readKeyLines } from './api-keys.js'

/**
 * The keys that a server is given: by its options (named "option-1" and so on), by HFQUANT_API_KEY ("env-1"), and by its
 * file. Limits, turns and caches go by the names, so that no two keys share one.
 *
 * @throws ConfigError KEY_FILE
 */
export async function readKeys(
  { apiKeyFile }: ServerSettings,
  apiKeys: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly ApiKey[]> {
  const content =
    apiKeyFile === undefined
      ? ''
      : await readFile(apiKeyFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
          throw new ConfigError('KEY_FILE', `the key file ${apiKeyFile} cannot be read: ${cause.code}`, {
            cause,
            file: apiKeyFile,
          })
        })
  const keys = [
    ...plainKeys(apiKeys, 'option'),
    ...plainKeys((environment.HFQUANT_API_KEY ?? '').split(','), 'env'),
    ...readKeyLines(content, apiKeyFile ?? ''),
  ]
  const names = keys.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return keys
  throw new ConfigError('KEY_FILE', `the key file ${apiKeyFile} names two keys "${twice}"`, {
    ...{ file: apiKeyFile, found: twice, expected: 'a name of its own for each key' },
    hint: 'Names count what each key uses; keys without one are named by their line: key-3.',
  })
}

const plainKeys = (keys: readonly string[], source: string): readonly ApiKey[] =>
  keys.filter((key) => key !== '').map((key, index) => plainKey(key, `${source}-${index + 1}`))
