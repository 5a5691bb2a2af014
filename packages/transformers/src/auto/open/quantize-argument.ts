import {
  ConfigError,
  EnvironmentError,
  type QuantizationConfig,
  type QuantizationConfigInput,
} from '@hfquant/core/runtime'

let int8: (() => Promise<QuantizationConfig>) | undefined

/** Says what `quantize: 'int8'` stands for: this package knows no method by name. */
export function registerInt8(make: () => Promise<QuantizationConfig>): void {
  int8 = make
}

/**
 * The `quantize` argument: integers, never a precision. Case does not matter.
 *
 * @throws ConfigError PRECISION_IS_NOT_QUANTIZATION, QUANTIZE_UNKNOWN or QUANTIZE_TYPE unless it is "int8".
 */
export function checkQuantize(value: unknown): void {
  const subject = { field: 'quantize', found: value, expected: ['int8'] }
  if (value === true) {
    const hint = "Say quantize: 'int8', or dtype: 'float16' or 'bfloat16' if half precision was meant."
    throw new ConfigError('QUANTIZE_TYPE', 'quantize: true does not say how', { ...subject, hint })
  }
  if (typeof value !== 'string') {
    const hint = "Say quantize: 'int8'; anything finer is a quantizationConfig, and precision is dtype."
    throw new ConfigError(
      'QUANTIZE_TYPE',
      `quantize is ${value === null ? 'null' : typeof value}, expected the string "int8"`,
      { ...subject, hint },
    )
  }
  if (value.toLowerCase() === 'int8') return
  if (isPrecision(value)) {
    throw new ConfigError(
      'PRECISION_IS_NOT_QUANTIZATION',
      `quantize "${value}" is a precision, not a quantization; "int8" is the only value`,
      { ...subject, hint: `Load the model with dtype: '${value}'.` },
    )
  }
  const hint = `Anything finer is a recipe or a config: quantizationConfig: await recipe('nf4'). Precision is dtype.`
  throw new ConfigError('QUANTIZE_UNKNOWN', `quantize "${value}" is unknown, expected "int8"`, {
    ...subject,
    hint,
  })
}

/** True for a name of a precision, which some take for a quantization. */
export const isPrecision = (name: string): boolean => PRECISIONS.includes(name.toLowerCase())

const PRECISIONS = ['fp16', 'float16', 'half', 'bf16', 'bfloat16', 'fp32', 'float32', 'float']

/** The configuration of "int8". @throws EnvironmentError INT8_UNAVAILABLE when no package provides one. */
export async function int8Config(): Promise<QuantizationConfig> {
  if (int8 !== undefined) return int8()
  throw new EnvironmentError('INT8_UNAVAILABLE', 'no package has said what quantize "int8" stands for', {
    field: 'quantize',
    hint: "Import AutoModelForCausalLM from 'hfquant', or pass a quantizationConfig.",
  })
}

/**
 * What to quantize a loaded model with: "int8", or a configuration.
 *
 * @throws as `checkQuantize` for anything else.
 */
export async function readQuantize(value: unknown): Promise<QuantizationConfigInput> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  checkQuantize(value)
  return int8Config()
}
