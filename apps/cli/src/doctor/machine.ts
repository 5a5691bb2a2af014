import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'

export interface Machine {
  readonly platform: string
  readonly cpu: {
    readonly model: string
    /** Those that decide how fast matrices are multiplied; empty where the system does not list them. */
    readonly features: readonly string[]
  }
  /** Cores that this process may use. */
  readonly cores: number
  /** Bytes; `total` is the limit of the container, if there is one. */
  readonly memory: { readonly total: number; readonly free: number }
}

export function describeMachine(): Machine {
  const limit = process.constrainedMemory()
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return {
    platform: `${process.platform}-${process.arch}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', features: cpuFeatures() },
    cores: availableParallelism(),
    memory: { total, free: Math.min(freemem(), total) },
  }
}

/** Vector and matrix instructions that the kernels of ONNX Runtime ask for, as Linux spells them. */
const RELEVANT =
  /^(sse4_2|avx|avx2|f16c|fma|avx_vnni|avx512(f|bw|vl|_vnni|_bf16|_fp16)|amx_(tile|int8|bf16)|asimd|asimdhp|asimddp|i8mm|bf16|sve2?)$/

function cpuFeatures(): string[] {
  try {
    const list = /^(?:flags|Features)\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return list.split(' ').filter((name) => RELEVANT.test(name))
  } catch {
    return []
  }
}
