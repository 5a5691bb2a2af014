import type { KernelFunction } from '@hfquant/kernels'
import { roundFloats } from './make/round-floats.js'
import { roundIntegers } from './make/round-integers.js'

/** What the threads of the worker pool do for this package. */
export const kernels: Readonly<Record<string, KernelFunction>> = { roundIntegers, roundFloats }
