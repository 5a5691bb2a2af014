import { type ConstantTensor, elementType } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import type { GraphParts, Literal } from './graph-parts.js'

/** What stands for 0 among unsigned codes. */
const UNSIGNED_ZERO = 128

/**
 * Weights of integer products become signed: `MatMulInteger` of uint8 activations and uint8 weights around 128 becomes
 * the one with int8 weights around 0. The sums are the same integers. Processors that multiply mixed signs exactly have
 * instructions for this product, and none for the other: 128 tokens take a third of the time.
 *
 * Wrong sums come out on processors that do not; see `multipliesMixedSigns`.
 */
export function signWeights({ nodes, constants, literals }: GraphParts): GraphParts {
  const byName = new Map(constants.map((tensor) => [tensor.name, tensor]))
  const centred = new Set(literals.filter(isUnsignedZero).map(({ name }) => name))
  const signed = nodes.map((node) => {
    const [activations, codes, zero, codesZero] = node.inputs as [string, string, string, string]
    const weight = byName.get(codes)
    if (node.operator !== 'MatMulInteger' || weight?.dtype !== 'uint8' || !centred.has(codesZero)) return node
    const constant = inSignedCodes(weight)
    byName.set(constant.name, constant)
    return { ...node, inputs: [activations, constant.name, zero] }
  })
  const read = [...new Set(signed.flatMap(({ inputs }) => inputs))]
  return { nodes: signed, constants: read.flatMap((id) => byName.get(id) ?? []), literals }
}

const isUnsignedZero = ({ type, shape, bytes }: Literal): boolean =>
  type === elementType('uint8') && shape.length === 0 && bytes[0] === UNSIGNED_ZERO

const inSignedCodes = ({ name, shape, chunks, pieces }: ConstantTensor): ConstantTensor => ({
  name: `${name}.signed`,
  dtype: 'int8',
  shape,
  async *chunks() {
    for await (const codes of chunks()) {
      const signed = new Uint8Array(codes.byteLength)
      // Adding 128 and subtracting it turn the same bit of a byte.
      runKernel('offsetCodes', {}, [codes], [signed])
      yield signed
    }
  },
  pieces() {
    const unsigned = pieces?.()
    if (!unsigned?.every(({ kernel }) => kernel === 'transposeCodes')) return undefined
    return unsigned.map((piece) => ({ ...piece, kernel: 'transposeBytes' }))
  },
})
