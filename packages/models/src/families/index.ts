import type { Architecture } from '../architecture/define-architecture.js'
import { llama } from './llama.js'

/** Every family that this package defines. */
export const families: readonly Architecture[] = [llama]
