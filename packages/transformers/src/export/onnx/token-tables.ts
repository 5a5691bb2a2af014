import { findModule, type GraphValue } from '@hfquant/core/runtime'
import type { LayerOps } from '@hfquant/models'
import type { Graph } from '@hfquant/onnx'
import { floatWeights } from '../float-weight.js'
import type { ExportRequest } from './export-ops.js'
import { lookUp } from './look-up.js'
import { BATCH, PORTS, SEQUENCE } from './ports.js'

/**
 * Looks tokens up in a graph of their own, whose outputs the library hands on: hidden states before the first layer, and
 * inputs of single layers.
 */
export const tokenTables =
  (request: ExportRequest, tables: Graph): LayerOps['embed'] =>
  (path, ids, scale) => {
    const { graph, shell, float, facts } = request
    const width = floatWeights(path, findModule(shell.root, path)!).get('weight')!.shape[1]!
    const rows = lookUp({ ...request, graph: tables }, path, ids, scale) // [B, S, width]
    if (path === shell.inputEmbedding) {
      const shape = [BATCH, SEQUENCE, width]
      tables.output(PORTS.embeddings, rows, float, shape)
      return graph.input(PORTS.embeddings, float, shape)
    }
    const [layers, size] = [facts.layers.length, width / facts.layers.length]
    const shape = [BATCH, SEQUENCE, layers, size]
    const reshape = (on: Graph, value: GraphValue, to: readonly number[]) =>
      on.node('Reshape', [value, on.literal('int64', [to.length], to)])
    tables.output(PORTS.layerInputs, reshape(tables, rows, [0, 0, layers, size]), float, shape)
    return reshape(graph, graph.input(PORTS.layerInputs, float, shape), [0, 0, width])
  }
