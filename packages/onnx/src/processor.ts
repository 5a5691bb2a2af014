import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** The processor of this machine, and the features that kernels choose their instructions by. */
export function describeProcessor(): string {
  const model = cpus()[0]?.model ?? ''
  const known = features()
  // Where the system does not tell, the name of the processor stands for its features.
  return known === undefined ? model : `${model}: ${known}`
}

/**
 * Whether `MatMulInteger` multiplies uint8 activations by int8 weights exactly, which VNNI does. Older x86 processors
 * add pairs of such products in 16 bits, where they saturate, and are exact for uint8 weights only.
 *
 * False where the system does not tell.
 */
export const multipliesMixedSigns = (): boolean => /\b(?:avx512_vnni|avx_vnni)\b/.test(features() ?? '')

/** Read once: the file describes every core, and the system makes it anew for every reader. */
function features(): string | undefined {
  found ??= { features: readFeatures() }
  return found.features
}

let found: { readonly features: string | undefined } | undefined

function readFeatures(): string | undefined {
  try {
    return /^(?:flags|Features)\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
  } catch {
    // Not Linux.
    return undefined
  }
}
