import { readFile } from 'node:fs/promises'
import { AutoQuantizationConfig, ConfigError, HfquantError, type QuantizationConfig } from 'hfquant'

/**
 * The quantization that a JSON file describes: a `quantization_config` block, alone or in a file that has one, such as
 * the config.json of a quantized model.
 *
 * @param calibration a file of texts, for methods that calibrate
 * @param modelFolder the model that is to be quantized, from which no plug-in is imported
 * @throws ConfigError CONFIG_UNREADABLE, CONFIG_INVALID, or what the method finds wrong, naming the file.
 */
export async function readConfig(
  file: string,
  calibration: string | undefined,
  modelFolder: string,
): Promise<QuantizationConfig> {
  const json = await readObject(file)
  const block = isObject(json.quantization_config) ? json.quantization_config : json
  const dataset = calibration === undefined ? {} : { dataset: { file: calibration } }
  try {
    return await AutoQuantizationConfig.fromDict({ ...block, ...dataset }, { modelFolder })
  } catch (error) {
    throw HfquantError.isInstance(error) ? error.inFile(file) : error
  }
}

async function readObject(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError('CONFIG_UNREADABLE', `the config ${file} cannot be read (${cause.code})`, {
      file,
      cause,
      hint: 'Give --config the path of a JSON file.',
    })
  })
  const json = parse(text)
  if (isObject(json)) return json
  throw new ConfigError('CONFIG_INVALID', `the config ${file} is no JSON object`, {
    file,
    hint: 'Write a quantization_config block into it, as config.json of a quantized model has one.',
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
