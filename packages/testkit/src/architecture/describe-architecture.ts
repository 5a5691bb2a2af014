import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Architecture, registerArchitecture } from '@hfquant/models'
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  type ArchitectureCheck,
  type ArchitectureOptions,
  architectureChecks,
} from './architecture-checks.js'
import { type EncoderOptions, encoderChecks } from './encoder-checks.js'

/** No check takes more than a second or two; a busy machine may take longer. */
const TIMEOUT = 60_000

/**
 * Registers the suite of a family of models with vitest: logits and tokens are those of another implementation, a sequence
 * has the same bits alone and beside others, every way to quantize works on it, wrong configs are refused.
 *
 * ```ts
 * describeArchitecture(architecture, { frontDoor: AutoModelForCausalLM, goldens: [folder], configs: { int8 } })
 * ```
 */
export function describeArchitecture(architecture: Architecture, options: ArchitectureOptions): void {
  describeChecks(architecture, architectureChecks(architecture, options))
}

/**
 * The same of a family of encoders: hidden states, vectors and logits are those of another implementation, a text has the
 * same bits alone and beside others, every way to quantize works on it, wrong configs are refused.
 */
export function describeEncoder(architecture: Architecture, options: EncoderOptions): void {
  describeChecks(architecture, encoderChecks(architecture, options))
}

function describeChecks(architecture: Architecture, checks: readonly ArchitectureCheck[]): void {
  registerArchitecture(architecture)
  describe(architecture.names[0] ?? architecture.modelTypes[0] ?? 'an architecture', () => {
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'hfquant-architecture-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))
    for (const { title, run } of checks) {
      test(title, { timeout: TIMEOUT }, async () => run(await mkdtemp(join(folder, 'check-'))))
    }
  })
}
