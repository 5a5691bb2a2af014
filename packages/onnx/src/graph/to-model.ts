import { type ConstantTensor, elementType, type GraphAttribute } from '@hfquant/core'
import { type BranchedNode, withBranches } from './branches.js'
import type { Port, PortedGraph } from './graph-parts.js'
import { nameOutputs } from './name-outputs.js'
import { neededNodes } from './needed-nodes.js'

export interface ByteLocation {
  readonly offset: number
  readonly byteLength: number
}

/** ONNX opset and IR version that onnxruntime 1.30 reads, with every operator used here. */
const OPSET = 21
const IR_VERSION = 10
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, graph: 5, ints: 7 }
const EXTERNAL = 1

/** A graph as the plain object of a ModelProto; see Graph.toModel. */
export function toModel(
  { name, nodes, constants, literals, inputs, outputs }: PortedGraph & { readonly name: string },
  weightsFile: string,
  locations: ReadonlyMap<string, ByteLocation>,
): object {
  return {
    ir_version: IR_VERSION,
    producer_name: 'hfquant',
    opset_import: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name,
      node: withBranches(nameOutputs(neededNodes(nodes, outputs), outputs)).map(toNode),
      initializer: [
        ...constants.map((tensor) => externalTensor(tensor, weightsFile, locations.get(tensor.name)!)),
        ...literals.map(({ name: id, type, shape, bytes }) => ({
          name: id,
          dims: shape,
          data_type: type,
          raw_data: bytes,
        })),
      ],
      input: inputs.map(toValueInfo),
      output: outputs.map(toValueInfo),
    },
  }
}

const toNode = (node: BranchedNode): object => ({
  name: node.outputs[0],
  op_type: node.operator,
  domain: node.domain,
  input: node.inputs,
  output: node.outputs,
  attribute: [
    ...Object.entries(node.attributes).map(([name, value]) => toAttribute(name, value)),
    ...Object.entries(node.branches ?? {}).map(([name, branch]) => ({
      ...{ name, type: ATTRIBUTE_TYPES.graph },
      g: { name, node: branch.nodes.map(toNode), output: [{ name: branch.result }] },
    })),
  ],
})

function toAttribute(name: string, value: GraphAttribute): object {
  if ('int' in value) return { name, i: value.int, type: ATTRIBUTE_TYPES.int }
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPES.float }
  if ('ints' in value) return { name, ints: value.ints, type: ATTRIBUTE_TYPES.ints }
  return { name, s: Buffer.from(value.string), type: ATTRIBUTE_TYPES.string }
}

const externalTensor = ({ name, dtype, shape }: ConstantTensor, location: string, range: ByteLocation) => ({
  name,
  dims: shape,
  data_type: elementType(dtype),
  data_location: EXTERNAL,
  external_data: [
    { key: 'location', value: location },
    { key: 'offset', value: String(range.offset) },
    { key: 'length', value: String(range.byteLength) },
  ],
})

const toValueInfo = ({ name, type, shape }: Port) => ({
  name,
  type: {
    tensor_type: {
      elem_type: type,
      shape: {
        dim: shape.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size })),
      },
    },
  },
})
