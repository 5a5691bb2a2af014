import { CapabilityError, type Skip, skip } from '@hfquant/core'

/** A config that can be read, and written back, but not quantized with. */
export const notQuantizable = (what: string, expected: string, hint: string): CapabilityError =>
  new CapabilityError(
    'CONFIG_NOT_QUANTIZABLE',
    `${what} can be read, but weights cannot be quantized with it`,
    { field: 'quant_type', found: what, expected, hint },
  )

export const skipUneven = (inFeatures: number, groupSize: number): Skip =>
  skip(`its ${inFeatures} input features are not a multiple of the group size ${groupSize}`)
