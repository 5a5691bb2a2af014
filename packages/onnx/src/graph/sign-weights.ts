import { type ConstantTensor, elementType } from '@hfquant/core'
import { runKernel } from '@hfquant/kernels'
import type { GraphParts, Literal, Node } from './graph-parts.js'

/** What stands for 0 among unsigned codes. */
const UNSIGNED_ZERO = 128

/**
 * Weights of integer products become signed: `MatMulInteger` of uint8 activations and uint8 weights around 128 becomes
 * the one with int8 weights around 0. The sums are the same integers. Processors that multiply mixed signs exactly have
 * instructions for this product, and none for the other: 128 tokens take a third of the time.
 *
 * Wrong sums come out on processors that do not; see `multipliesMixedSigns`.
 *
 * Rows that are chosen of the same weights are chosen of the signed ones, and turned back: no weight is there twice.
 */
export function signWeights({ nodes, constants, literals }: GraphParts): GraphParts {
  const byName = new Map(constants.map((tensor) => [tensor.name, tensor]))
  const centred = new Set(literals.filter(isUnsignedZero).map(({ name }) => name))
  const signedOf = new Map<string, string>()
  const products = nodes.map((node) => {
    const [activations, codes, zero, codesZero] = node.inputs as [string, string, string, string]
    const weight = byName.get(codes)
    if (node.operator !== 'MatMulInteger' || weight?.dtype !== 'uint8' || !centred.has(codesZero)) return node
    const constant = inSignedCodes(weight)
    byName.set(constant.name, constant)
    signedOf.set(codes, constant.name)
    return { ...node, inputs: [activations, constant.name, zero] }
  })
  const [middle] = centred
  const signed = products.flatMap((node) => {
    const weight = signedOf.get(node.inputs[0]!)
    return node.operator === 'Compress' && weight !== undefined ? chosenOf(node, weight, middle!) : [node]
  })
  const read = [...new Set(signed.flatMap(({ inputs }) => inputs))]
  return { nodes: signed, constants: read.flatMap((id) => byName.get(id) ?? []), literals }
}

/** The rows that a node chooses of unsigned codes, from signed ones: as bytes, these differ in their highest bit. */
function chosenOf(node: Node, weight: string, middle: string): readonly Node[] {
  const [result] = node.outputs as [string]
  const [chosen, bytes] = [`${result}_signed`, `${result}_bytes`]
  const { inputs, domain, branch } = node
  const common = { domain, ...(branch !== undefined && { branch }) }
  return [
    { ...node, inputs: [weight, ...inputs.slice(1)], outputs: [chosen] },
    {
      ...{ ...common, operator: 'Cast', inputs: [chosen], outputs: [bytes] },
      attributes: { to: { int: elementType('uint8') } },
    },
    { ...common, operator: 'BitwiseXor', inputs: [bytes, middle], outputs: [result], attributes: {} },
  ]
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
      runKernel('offsetCodes', { bits: 8 }, [codes], [signed])
      yield signed
    }
  },
  pieces() {
    const unsigned = pieces?.()
    if (!unsigned?.every(({ kernel }) => kernel === 'transposeCodes')) return undefined
    return unsigned.map((piece) => ({ ...piece, kernel: 'transposeBytes' }))
  },
})
