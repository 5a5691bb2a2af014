import { readFile } from 'node:fs/promises'
import { ConfigError } from 'hfquant'
import type { ServerSettings } from '../settings/options.js'
import { type ApiKey, plainKey, readKeyLines } from './api-keys.js'

/**
 * The keys that a server is given, by its options, by HFQUANT_API_KEY and by its file.
 *
 * @throws ConfigError KEY_FILE
 */
export async function readKeys(
  { apiKeyFile }: ServerSettings,
  apiKeys: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly ApiKey[]> {
  const plain = [...apiKeys, ...(environment.HFQUANT_API_KEY ?? '').split(',')].filter((key) => key !== '')
  const content =
    apiKeyFile === undefined
      ? ''
      : await readFile(apiKeyFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
          throw new ConfigError('KEY_FILE', `the key file ${apiKeyFile} cannot be read: ${cause.code}`, {
            cause,
            file: apiKeyFile,
          })
        })
  return [
    ...plain.map((key, index) => plainKey(key, `key-${index + 1}`)),
    ...readKeyLines(content, apiKeyFile ?? ''),
  ]
}
