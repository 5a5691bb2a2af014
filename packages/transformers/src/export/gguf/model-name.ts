import { basename, resolve } from 'node:path'
import { ConfigError } from '@hfquant/core'

/**
 * `general.name`. llama.cpp reads meaning into it: a name like Phi-3's makes it look for that model's special tokens,
 * and fail to load a vocabulary that lacks them.
 *
 * @throws ConfigError GGUF_NAME for such a name that was asked for; the name of a folder is replaced.
 */
export function modelName(folder: string, wanted: string | undefined): string {
  if (wanted === undefined) {
    const name = basename(resolve(folder))
    return PHI3.test(name) ? 'model' : name
  }
  if (wanted !== '' && !PHI3.test(wanted)) return wanted
  throw new ConfigError(
    'GGUF_NAME',
    `the name "${wanted}" is ${wanted === '' ? 'empty' : 'reserved for Phi-3 models'}`,
    {
      field: 'name',
      found: wanted,
      hint: 'Choose another name: llama.cpp looks for the special tokens of Phi-3 in a model called like that.',
    },
  )
}

const PHI3 = /phi-?3/i
