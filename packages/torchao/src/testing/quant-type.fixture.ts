import { torchao } from '../index.js'

/** The config that a `quant_type` of config.json is read as. */
export const rebuilt = (quantType: unknown, rest: object = {}) =>
  torchao.parseConfig({ quant_method: 'torchao', quant_type: quantType, ...rest } as Record<string, unknown>)

/** What it is written as. */
export const formOf = (config: ReturnType<typeof rebuilt>) =>
  (config.toDict().quant_type as { default: unknown }).default

/** What messages call it. */
export const describeOf = (config: ReturnType<typeof rebuilt>) =>
  torchao.definition.config.parse({ ...config.toDict() }).quantType.describe()
