import type { GraphValue, LinearGroup, MomentsPass } from '@hfquant/core'
import { lowerPanels, type TrianglePanel } from '@hfquant/kernels'
import {
  createGraph,
  type Graph,
  type GraphSession,
  type GraphTensor,
  type SumPort,
  type TensorRecord,
} from '@hfquant/onnx'
import { HIDDEN_SHAPE, hiddenTensor, type SideInputs } from './block-session.js'
import type { ValueGroup } from './levels.js'
import type { ReadSides, SideValues } from './side-values.js'

/** What the modules of a group read in one of their runs. */
interface GroupInput {
  readonly group: number
  readonly run: number
  readonly value: GraphValue
  readonly width: number
  readonly isRouted: boolean
}

const inputsOf = (groups: readonly ValueGroup[]): readonly GroupInput[] =>
  groups.flatMap(({ values, width, isRouted }, group) =>
    values.map((value, run) => ({ group, run, value, width, isRouted })),
  )

const nameOf = ({ group, run }: Pick<GroupInput, 'group' | 'run'>): string => `x.${group}.${run}`
const squareOf = ({ group, run }: GroupInput): string => `square.${group}.${run}`

export interface MomentsRequest {
  readonly graph: Graph
  /** Hidden states to begin with. */
  readonly from: GraphValue
  readonly groups: readonly ValueGroup[]
  /** Rows of the panels in which the sums are added up and handed out. */
  readonly panelRows: number
  readonly sides: SideValues
  readonly sideInputs: SideInputs
  readonly open: (part: Graph) => Promise<GraphSession>
}

/**
 * Runs the model as far as the inputs of the groups, and adds up their products in a session of its own: the lower
 * triangle only, which is little more than half of the work and of the memory.
 */
export async function openMomentsPass(request: MomentsRequest): Promise<MomentsPass> {
  const { from, groups, panelRows, sides, sideInputs, open } = request
  const read = sides.read(
    from,
    groups.flatMap(({ values }) => values),
  )
  const part = inputsGraph(request, read)
  const session = await open(part)
  const panels = groups.map(({ width }) => lowerPanels(width, panelRows))
  const sums = await open(momentsGraph(groups, panels))
  const ports = panels.flatMap((own, group) => own.map((panel, index) => sumPort(group, index, panel)))
  const seconds = { forward: 0, moments: 0 }
  const counts = groups.map(() => 0)
  const inputs = inputsOf(groups)
  const names = inputs.flatMap((input) => [nameOf(input), squareOf(input)])
  const runs = Math.max(...groups.map(({ values }) => values.length))
  const rooms = createRooms(inputs)
  return {
    seconds,
    tokens: counts,
    async add(hidden) {
      const [sequences, tokens] = hidden.shape
      const feeds = {
        ...sideInputs(part, { sequences, tokens }),
        ...(await read.feeds(hidden.batch)),
        [from.id]: hiddenTensor(hidden),
      }
      const start = performance.now()
      const results = await session.run(feeds, names, rooms.take(sequences, tokens))
      const middle = performance.now()
      seconds.forward += (middle - start) / 1000
      const isSound = (input: GroupInput) => Number.isFinite(results[squareOf(input)]!.data[0])
      const broken = groups.filter((_, group) => inputs.some((one) => one.group === group && !isSound(one)))
      for (const input of inputs) rooms.giveBack(nameOf(input), results[nameOf(input)]!)
      if (broken.length > 0) return broken
      for (let run = 0; run < runs; run++) {
        const rows = groups.map(({ width }, group) => {
          const data = results[nameOf({ group, run })]?.data ?? NO_ROWS
          counts[group]! += data.length / width
          // A row of zeros adds nothing; without a row there is no product.
          const values = data.length === 0 ? new Float32Array(width) : data
          return [
            `x.${group}`,
            { dtype: 'float32', shape: [values.length / width, width], data: values },
          ] as const
        })
        const used = await sums.accumulate(Object.fromEntries(rows), ports)
        for (const group of groups.keys()) rooms.giveBack(nameOf({ group, run }), used[`x.${group}`]!)
      }
      seconds.moments += (performance.now() - middle) / 1000
      return []
    },
    async finish() {
      // What the model needs goes first: the sums are about to be in memory twice.
      await session.close()
      const result = await sums.takeSums()
      await sums.close()
      return panels.map((own, group) =>
        own.map((panel, index) => {
          const { output, shape } = sumPort(group, index, panel)
          return (result[output]?.data as Float32Array) ?? new Float32Array(shape[0]! * shape[1]!)
        }),
      )
    },
    async close() {
      await session.close()
      await sums.close()
    },
  }
}

const NO_ROWS = new Float32Array(0)

/** Memory for the inputs x of the groups, which goes round between the two sessions: as garbage it would pile up. */
function createRooms(inputs: readonly GroupInput[]) {
  const free = new Map<string, GraphTensor['data']>()
  return {
    take: (sequences: number, tokens: number): TensorRecord =>
      Object.fromEntries(
        inputs.flatMap((input) => {
          // How many tokens an expert gets is known afterwards.
          if (input.isRouted) return []
          const [name, count] = [nameOf(input), sequences * tokens * input.width]
          const known = free.get(name)
          const data = known?.length === count ? known : new Float32Array(count)
          return [[name, { dtype: 'float32', shape: [sequences, tokens, input.width], data }]]
        }),
      ),
    giveBack: (name: string, { data }: GraphTensor) => void free.set(name, data),
  }
}

/** From the hidden states to the inputs x of the groups, and Σ x², which is finite if all products of them are. */
function inputsGraph({ graph, from, groups }: MomentsRequest, { cuts }: ReadSides): Graph {
  const inputs = inputsOf(groups)
  const part = graph.cut(
    'inputs',
    [{ value: from, dtype: 'float32', shape: HIDDEN_SHAPE }, ...cuts],
    inputs.map(({ value }) => value),
  )
  for (const input of inputs) {
    const { group, run, value, width, isRouted } = input
    part.output(nameOf(input), value, 'float32', isRouted ? [`N${group}.${run}`, width] : ['B', 'S', width])
    const square = part.node('ReduceSumSquare', [value], { attributes: { keepdims: { int: 0 } } })
    part.output(squareOf(input), square, 'float32', [])
  }
  return part
}

const sumPort = (group: number, index: number, { first, end }: TrianglePanel): SumPort => ({
  input: `before.${group}.${index}`,
  output: `after.${group}.${index}`,
  shape: [end - first, end],
})

/** after = before + x[:, first..end]ᵀ · x[:, 0..end] for each panel of each group, over any number of rows of x. */
function momentsGraph(groups: readonly LinearGroup[], panels: readonly (readonly TrianglePanel[])[]): Graph {
  const graph = createGraph('moments')
  for (const [group, { width }] of groups.entries()) {
    const x = graph.input(`x.${group}`, 'float32', [`T${group}`, width])
    const columns = (first: number, end: number): GraphValue => {
      if (first === 0 && end === width) return x
      const bounds = [first, end, 1].map((value) => graph.literal('int64', [1], [value]))
      return graph.node('Slice', [x, ...bounds])
    }
    for (const [index, panel] of panels[group]!.entries()) {
      const { input, output, shape } = sumPort(group, index, panel)
      const before = graph.input(input, 'float32', shape)
      const factors = [columns(panel.first, panel.end), columns(0, panel.end), before]
      graph.output(
        output,
        graph.node('Gemm', factors, { attributes: { transA: { int: 1 } } }),
        'float32',
        shape,
      )
    }
  }
  return graph
}
