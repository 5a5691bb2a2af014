import { InferenceSession, Tensor } from 'onnxruntime-node'
import { OPTIMIZATION } from './optimization.js'
import type { GraphOpening, GraphTensor, SumPort, TensorRecord } from './protocol.js'
import { runtimeCall } from './runtime-call.js'

/** Any graph in a session of this thread. */
export interface GraphRunner {
  /**
   * @param feeds those that the graph does not ask for are passed over.
   * @param into tensors that take some of the outputs.
   */
  run(feeds: TensorRecord, outputs: readonly string[], into: TensorRecord): Promise<TensorRecord>
  /** Runs the graph and keeps each sum here, as an input of the next run. */
  accumulate(feeds: TensorRecord, sums: readonly SumPort[]): Promise<void>
  /** The sums by the name of their output; the next one begins at zero. */
  takeSums(): TensorRecord
  close(): Promise<void>
}

export async function openGraphRunner({
  modelPath,
  threads,
  optimized = false,
  serves = false,
}: GraphOpening): Promise<GraphRunner> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: optimized ? 'disabled' : 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Runs happen on changing threads, and the system's allocator keeps what is freed for each of them: an arena of the
    // session's own is used by all, and goes with it.
    enableCpuMemArena: true,
    enableMemPattern: false,
    // Beside a worker pool, threads that wait leave the cores to its kernels; products are large there.
    extra: { ...OPTIMIZATION, ...(!serves && { session: { intra_op: { allow_spinning: '0' } } }) },
    logSeverityLevel: 3,
  }
  const session = await runtimeCall(() => InferenceSession.create(modelPath, settings))
  const asks = new Set(session.inputNames)
  let kept: ReadonlyMap<string, Tensor> | undefined
  return {
    async run(feeds, outputs, into) {
      const given = toTensors(into)
      const fetches = Object.fromEntries(outputs.map((name) => [name, given[name] ?? null]))
      const asked = Object.fromEntries(Object.entries(feeds).filter(([name]) => asks.has(name)))
      const result = await runtimeCall(() => session.run(toTensors(asked), fetches))
      return Object.fromEntries(outputs.map((name) => [name, into[name] ?? fromTensor(result[name]!)]))
    },
    async accumulate(feeds, sums) {
      const inputs = toTensors(feeds)
      const outputs: Record<string, Tensor> = {}
      kept ??= zeros(sums)
      for (const { input, output } of sums) {
        // The sum is read where it is written: the product is added to it in place.
        inputs[input] = kept.get(output)!
        outputs[output] = kept.get(output)!
      }
      await runtimeCall(() => session.run(inputs, outputs))
    },
    takeSums() {
      const taken = [...(kept ?? [])]
      kept = undefined
      return Object.fromEntries(
        taken.map(([name, { data, dims }]) => [
          name,
          { dtype: 'float32', shape: dims, data: data as Float32Array },
        ]),
      )
    },
    async close() {
      kept = undefined
      await runtimeCall(() => session.release())
    },
  }
}

/** Sums lie in one piece of memory: a large one goes back to the system as soon as nobody needs it. */
function zeros(sums: readonly SumPort[]): ReadonlyMap<string, Tensor> {
  const sizeOf = ({ shape }: SumPort) => shape.reduce((product, size) => product * size, 1)
  const memory = new Float32Array(sums.reduce((total, sum) => total + sizeOf(sum), 0))
  let offset = 0
  return new Map(
    sums.map((sum) => {
      const data = memory.subarray(offset, offset + sizeOf(sum))
      offset += data.length
      return [sum.output, new Tensor('float32', data, [...sum.shape])]
    }),
  )
}

const toTensors = (record: TensorRecord): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(record).map(([name, { dtype, shape, data }]) => [
      name,
      new Tensor(dtype, data as never, [...shape]),
    ]),
  )

/** A whole buffer of its own, so that it can be handed to another thread. */
function fromTensor(tensor: Tensor): GraphTensor {
  const data = tensor.data as Float32Array
  const whole = data.byteLength === data.buffer.byteLength ? data : data.slice()
  return { dtype: 'float32', shape: tensor.dims, data: whole }
}
