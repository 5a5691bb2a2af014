import type { QuantizerDefinition } from '../contract/quantizer.js'
import { ConfigError } from '../errors/families.js'

/** @throws ConfigError DEFINITION_INVALID saying what is wrong with a plug-in's definition. */
export function checkDefinition<Config>(definition: QuantizerDefinition<Config>): void {
  const wrong = whatIsWrong(definition)
  if (wrong === undefined) return
  throw new ConfigError('DEFINITION_INVALID', `the definition of a quantizer is wrong: ${wrong}`, {
    hint: 'See QuantizerDefinition of @hfquant/core.',
  })
}

function whatIsWrong<Config>(definition: QuantizerDefinition<Config>): string | undefined {
  const { specVersion, quantMethod } = definition
  if (specVersion !== 1) return `specVersion is ${specVersion}, expected 1`
  if (typeof quantMethod !== 'string' || !/^[a-z0-9][a-z0-9_-]*$/.test(quantMethod)) {
    return `quantMethod is ${JSON.stringify(quantMethod)}, expected lower-case letters, digits, "_" and "-"`
  }
  const missing = (['parseConfig', 'formatConfig', 'formatFor'] as const).find(
    (name) => typeof definition[name] !== 'function',
  )
  return missing === undefined ? undefined : `${missing} is no function`
}
