import { CapabilityError, type FloatDtype, Module } from '@hfquant/core/runtime'

export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'quick-gelu' | 'relu' | 'relu-squared' | 'xielu'

/**
 * The functions behind the names of transformers' `ACT2FN`. "gelu" is exact, x/2 · (1 + erf(x / √2)); those of
 * "gelu-tanh" differ from it by up to 4.7e-4.
 */
const NAMES: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_accurate: 'gelu-tanh',
  quick_gelu: 'quick-gelu',
  relu: 'relu',
  relu2: 'relu-squared',
  xielu: 'xielu',
}

/**
 * The parameters of xIELU (Huang and Schlag 2025), an activation that is learned for each layer:
 * x > 0: alpha_p · x² + beta · x, else (e^min(x, eps) - 1 - x) · alpha_n + beta · x, where alpha_p = softplus(`alpha_p`) and
 * alpha_n = beta + softplus(`alpha_n`).
 */
export class Xielu extends Module {
  constructor(dtype: FloatDtype) {
    super()
    for (const name of ['alpha_p', 'alpha_n']) this.parameter(name, dtype, [1])
    for (const name of ['beta', 'eps']) this.parameter(name, dtype, [])
  }
}

/** @throws CapabilityError ACTIVATION for a name that is not offered. */
export function parseActivation(name: string, field: string): Activation {
  const found = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (found !== undefined) return found
  const known = Object.keys(NAMES)
  throw new CapabilityError(
    'ACTIVATION',
    `${field} "${name}" is not offered, expected one of ${known.join(', ')}`,
    {
      field,
      found: name,
      expected: known,
      hint: 'A package can define the architecture with an activation of its own.',
    },
  )
}
