import { InferenceSession } from 'onnxruntime-node'
import { OPTIMIZATION } from './optimization.js'
import type { PrepackTarget } from './protocol.js'
import { runtimeCall } from './runtime-call.js'

/**
 * Lets the runtime optimize a model and write it down, with the weights in the order in which its kernels read them.
 * The weights as they were stay in the file, too: the runtime packs them again when it opens the model, and takes the
 * ones from the file, which it can map, if they are equal.
 */
export async function prepack(modelPath: string, target: PrepackTarget, threads: number): Promise<void> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    optimizedModelFilePath: target.modelPath,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // What is packed goes back to the system at the end of this session.
    enableCpuMemArena: false,
    extra: {
      ...OPTIMIZATION,
      session: {
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: target.weightsFile,
      },
    },
    logSeverityLevel: 3,
  }
  const session = await runtimeCall(() => InferenceSession.create(modelPath, settings))
  await runtimeCall(() => session.release())
}
