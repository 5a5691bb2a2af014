import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { GraphTensor, SumPort, TensorRecord } from './protocol.js'

/** Any graph in a session of this thread. */
export interface GraphRunner {
  run(feeds: TensorRecord, outputs: readonly string[]): Promise<TensorRecord>
  /** Runs the graph and keeps each sum here, as an input of the next run. */
  accumulate(feeds: TensorRecord, sums: readonly SumPort[]): Promise<void>
  /** The sums by the name of their output; the next one begins at zero. */
  takeSums(): TensorRecord
  close(): Promise<void>
}

export async function openGraphRunner(modelPath: string, threads: number): Promise<GraphRunner> {
  const session = await InferenceSession.create(modelPath, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // A pass is short and its tensors are large: they go back to the system at once.
    enableCpuMemArena: false,
    enableMemPattern: false,
    // Products are large; threads that wait leave the cores to the kernels of the worker pool.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  })
  const kept = new Map<string, Tensor>()
  return {
    async run(feeds, outputs) {
      const result = await session.run(toTensors(feeds), outputs)
      return Object.fromEntries(outputs.map((name) => [name, fromTensor(result[name]!)]))
    },
    async accumulate(feeds, sums) {
      const inputs = toTensors(feeds)
      const outputs: Record<string, Tensor> = {}
      for (const { input, output, shape } of sums) {
        const count = shape.reduce((product, size) => product * size, 1)
        const sum = kept.get(output) ?? new Tensor('float32', new Float32Array(count), [...shape])
        kept.set(output, sum)
        // The sum is read where it is written: the product is added to it in place.
        inputs[input] = sum
        outputs[output] = sum
      }
      await session.run(inputs, outputs)
    },
    takeSums() {
      const sums = Object.fromEntries([...kept].map(([name, tensor]) => [name, shared(tensor)]))
      kept.clear()
      return sums
    },
    async close() {
      kept.clear()
      await session.release()
    },
  }
}

const toTensors = (record: TensorRecord): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(record).map(([name, { dtype, shape, data }]) => [
      name,
      new Tensor(dtype, data as never, [...shape]),
    ]),
  )

/** In memory that both threads see: what this one held goes with its session, and the other holds no garbage. */
function shared(tensor: Tensor): GraphTensor {
  const data = tensor.data as Float32Array
  const copy = new Float32Array(new SharedArrayBuffer(data.byteLength))
  copy.set(data)
  return { dtype: 'float32', shape: tensor.dims, data: copy }
}

/** A whole buffer of its own, so that it can be handed to another thread. */
function fromTensor(tensor: Tensor): GraphTensor {
  const data = tensor.data as Float32Array
  const whole = data.byteLength === data.buffer.byteLength ? data : data.slice()
  return { dtype: 'float32', shape: tensor.dims, data: whole }
}
