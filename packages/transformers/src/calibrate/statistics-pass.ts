import type {
  GraphValue,
  GroupStatistics,
  LinearGroup,
  StatisticsPass,
  StatisticsRequest,
} from '@hfquant/core'
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

export interface PassRequest {
  readonly graph: Graph
  /** Hidden states to begin with. */
  readonly from: GraphValue
  readonly groups: readonly ValueGroup[]
  readonly statistics: StatisticsRequest
  readonly sides: SideValues
  readonly sideInputs: SideInputs
  readonly open: (part: Graph) => Promise<GraphSession>
}

/** Runs the model as far as the inputs of the groups, and adds up what is asked for. */
export async function openStatisticsPass(request: PassRequest): Promise<StatisticsPass> {
  const { from, groups, statistics, sides, sideInputs, open } = request
  const read = sides.read(
    from,
    groups.flatMap(({ values }) => values),
  )
  const part = inputsGraph(request, read)
  const session = await open(part)
  const moments = await openMoments(groups, statistics.momentPanelRows, open)
  const sums = groups.map((group) => createSums(group, statistics))
  const seconds = { forward: 0, statistics: 0 }
  const inputs = inputsOf(groups)
  const names = inputs.flatMap((input) => [nameOf(input), squareOf(input)])
  const runs = Math.max(...groups.map(({ values }) => values.length))
  const rooms = createRooms(inputs)
  return {
    seconds,
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
        const rows = groups.map(
          (_, group) => (results[nameOf({ group, run })]?.data as Float32Array | undefined) ?? NO_ROWS,
        )
        for (const [group, data] of rows.entries()) sums[group]!.add(data)
        const used = await moments.add(rows)
        for (const group of used.keys()) rooms.giveBack(nameOf({ group, run }), used[group]!)
      }
      seconds.statistics += (performance.now() - middle) / 1000
      return []
    },
    async finish() {
      // What the model needs goes first: the sums are about to be in memory twice.
      await session.close()
      const products = await moments.finish()
      return sums.map(({ take }, group) => ({
        ...take(),
        ...(products === undefined ? {} : { moments: products[group]! }),
      }))
    },
    async close() {
      await session.close()
      await moments.close()
    },
  }
}

/** Adds up, over the rows x [tokens, width] of a group, what needs no product of matrices. */
function createSums({ width }: LinearGroup, { magnitudes, sampleEvery }: StatisticsRequest) {
  let tokens = 0
  const sums = magnitudes ? new Float64Array(width) : undefined
  const kept: Float32Array[] = []
  return {
    add(rows: Float32Array): void {
      if (sums === undefined && sampleEvery === undefined) {
        tokens += rows.length / width
        return
      }
      for (let at = 0; at < rows.length; at += width, tokens++) {
        const row = rows.subarray(at, at + width)
        if (sums !== undefined) for (let k = 0; k < width; k++) sums[k]! += Math.abs(row[k]!)
        if (sampleEvery !== undefined && tokens % sampleEvery === 0) kept.push(row.slice())
      }
    },
    take: (): GroupStatistics => ({
      tokens,
      ...(sums === undefined ? {} : { magnitudes: sums }),
      ...(sampleEvery === undefined ? {} : { samples: joinRows(kept, width) }),
    }),
  }
}

function joinRows(rows: readonly Float32Array[], width: number): Float32Array {
  const joined = new Float32Array(rows.length * width)
  for (const [index, row] of rows.entries()) joined.set(row, index * width)
  return joined
}

/** What adds products up: it takes the inputs of each group, and gives their memory back. */
interface Moments {
  add(inputs: readonly Float32Array[]): Promise<readonly GraphTensor[]>
  /** Undefined where no products were asked for. */
  finish(): Promise<readonly (readonly Float32Array[])[] | undefined>
  close(): Promise<void>
}

const NO_MOMENTS: Moments = {
  add: async () => [],
  finish: async () => undefined,
  close: async () => {},
}

/**
 * Adds up x·xᵀ in a session of its own: the lower triangle only, which is little more than half of the work and of the
 * memory.
 */
async function openMoments(
  groups: readonly ValueGroup[],
  panelRows: number | undefined,
  open: PassRequest['open'],
): Promise<Moments> {
  if (panelRows === undefined) return NO_MOMENTS
  const panels = groups.map(({ width }) => lowerPanels(width, panelRows))
  const session = await open(momentsGraph(groups, panels))
  const ports = panels.flatMap((own, group) => own.map((panel, index) => sumPort(group, index, panel)))
  return {
    async add(inputs) {
      const rows = groups.map(({ width }, group) => {
        const data = inputs[group]!
        // A row of zeros adds nothing; without a row there is no product.
        const values = data.length === 0 ? new Float32Array(width) : data
        return [
          `x.${group}`,
          { dtype: 'float32', shape: [values.length / width, width], data: values },
        ] as const
      })
      const used = await session.accumulate(Object.fromEntries(rows), ports)
      return groups.map((_, group) => used[`x.${group}`]!)
    },
    async finish() {
      const result = await session.takeSums()
      await session.close()
      return panels.map((own, group) =>
        own.map((panel, index) => {
          const { output, shape } = sumPort(group, index, panel)
          return (result[output]?.data as Float32Array) ?? new Float32Array(shape[0]! * shape[1]!)
        }),
      )
    },
    close: () => session.close(),
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
function inputsGraph({ graph, from, groups }: PassRequest, { cuts }: ReadSides): Graph {
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
