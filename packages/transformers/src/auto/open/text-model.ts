import { type FoundModel, type JsonFile, type JsonObject, publishInfo, toValue } from '@hfquant/core/runtime'
import { type ModelDescription, textModelConfig } from '@hfquant/models'

/**
 * What was found of a text model inside of another one, as if it stood alone: with a config.json and a quantization block of
 * its own, which is also what is saved.
 */
export function textModelAlone(found: FoundModel, { name }: ModelDescription): FoundModel {
  const { path, document, value } = found.configFile
  const whole = Array.isArray(value.architectures) ? value.architectures.join() : value.model_type
  publishInfo(`${path}: only the text model of ${whole} is read, a ${name}`)
  const text = textModelConfig(document, name)
  const configFile: JsonFile = { path, document: text, value: toValue(text) as JsonObject }
  if (found.quantization?.path !== path) return { ...found, configFile }
  // The block names modules as the model that is read calls them.
  return {
    ...found,
    configFile,
    quantization: { path, json: configFile.value.quantization_config as JsonObject },
  }
}
