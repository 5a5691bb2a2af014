import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OutputError } from '../errors/families.js'
import { parseJsonValue } from '../json/json-document.js'

/**
 * A model brings a config.json, and many programs have a file of that name: it is replaced only if it is a model's.
 *
 * @throws OutputError OUTPUT_NOT_A_MODEL
 */
export async function refuseForeignConfig(folder: string): Promise<void> {
  const file = join(folder, 'config.json')
  const found = await stat(file).catch(() => undefined)
  if (found === undefined || !found.isFile() || found.size === 0) return
  if (found.size <= MAX_BYTES && isModelConfig(await readFile(file))) return
  throw new OutputError('OUTPUT_NOT_A_MODEL', `${file} is the configuration of something else than a model`, {
    file,
    expected: [...KEYS],
    hint: 'Choose another folder for the model, or move the file elsewhere.',
  })
}

/** Those of models have some kilobytes, and a megabyte where every module has settings of its own. */
const MAX_BYTES = 64 * 2 ** 20

/** Every config.json of a model has one of these. */
const KEYS = new Set([
  'model_type',
  'architectures',
  'quantization_config',
  'transformers_version',
  'hidden_size',
  'vocab_size',
])

/** Read as that of a model is: with NaN and Infinity, and behind a byte order mark. */
function isModelConfig(bytes: Uint8Array): boolean {
  try {
    const json = parseJsonValue(new TextDecoder().decode(bytes))
    return typeof json === 'object' && json !== null && Object.keys(json).some((key) => KEYS.has(key))
  } catch {
    return false
  }
}
