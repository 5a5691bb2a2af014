import { CompressedTensorsConfig } from './compressed-tensors-config.js'

const preset = (name: string) => () => new CompressedTensorsConfig({ configGroups: { [name]: ['Linear'] } })

/** Configurations by the name that the command line gives them. */
export const recipes: Readonly<Record<string, () => CompressedTensorsConfig>> = {
  'ct-w4a16': preset('W4A16'),
  'ct-w4a16-asym': preset('W4A16_ASYM'),
  'ct-w8a8': preset('W8A8'),
  'ct-fp8-dynamic': preset('FP8_DYNAMIC'),
}
