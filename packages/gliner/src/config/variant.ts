import { ConfigError, type FloatDtype, parseFloatDtype, quote } from '@hfquant/core/runtime'

const SUPPORTED = ['fp16', 'bf16'] as const

/** A second set of weights in a folder, in another precision. */
export interface Variant {
  readonly file: string
  readonly dtype: FloatDtype
}

/**
 * The `variant` argument: weights that are published in half precision beside the usual ones.
 *
 * @param dtype what the caller asks for besides
 * @throws ConfigError VARIANT_TYPE, VARIANT_UNKNOWN, or VARIANT_DTYPE for a precision that it does not have.
 */
export function readVariant(variant: unknown, dtype: string | null | undefined): Variant | undefined {
  if (variant === undefined || variant === null) return undefined
  const subject = { field: 'variant', found: variant, expected: SUPPORTED }
  if (typeof variant !== 'string') {
    throw new ConfigError('VARIANT_TYPE', `variant is ${typeof variant}, expected a string such as "fp16"`, {
      ...subject,
      hint: "Pass variant: 'fp16' or 'bf16', or leave it out.",
    })
  }
  const own = precisionOf(variant)
  if (own === 'float32') {
    throw new ConfigError('VARIANT_UNKNOWN', `variant ${quote(variant)} is no separate file`, {
      ...subject,
      hint: 'Leave variant out: the usual weights are those in float32.',
    })
  }
  if (own === undefined) {
    throw new ConfigError('VARIANT_UNKNOWN', `variant ${quote(variant)} is unknown, expected fp16 or bf16`, {
      ...subject,
      hint: "A variant is a precision; integers are quantization: quantize: 'int8'.",
    })
  }
  if (dtype != null && dtype !== 'auto' && parseFloatDtype(dtype) !== own) {
    throw new ConfigError('VARIANT_DTYPE', `variant "${variant}" has dtype ${own}, and dtype is ${dtype}`, {
      ...subject,
      found: dtype,
      expected: own,
      hint: `Leave dtype out, or leave variant out to have the usual weights cast to ${dtype}.`,
    })
  }
  return { file: `model.${own === 'float16' ? 'fp16' : 'bf16'}.safetensors`, dtype: own }
}

function precisionOf(variant: string): FloatDtype | undefined {
  try {
    return parseFloatDtype(variant)
  } catch (error) {
    if (ConfigError.isInstance(error)) return undefined
    throw error
  }
}
