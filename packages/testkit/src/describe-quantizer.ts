import type { QuantizerBackend } from '@hfquant/core'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { conformanceChecks, runCheck } from './conformance/conformance-checks.js'
import type { ConformanceOptions } from './conformance/options.js'
import { openWorkbench, type Workbench } from './conformance/workbench.js'

/** No check takes more than a second or two; a busy machine may take longer. */
const TIMEOUT = 60_000

/**
 * Registers the conformance suite of a backend with vitest: one test per expectation, grouped by topic. A test that fails
 * says what was seen and what the contract says.
 *
 * ```ts
 * describeQuantizer(rowInt8, { configs: { 'int8 per row': { config: rowInt8() } } })
 * ```
 *
 * @param backend what `defineQuantizer` returns, or a `QuantizerBackend` of one's own.
 */
export function describeQuantizer(backend: QuantizerBackend, options: ConformanceOptions): void {
  describe(`${backend.quantMethod} keeps the contract`, () => {
    let bench: Workbench
    beforeAll(async () => {
      bench = await openWorkbench(backend)
    }, TIMEOUT)
    afterAll(() => bench[Symbol.asyncDispose](), TIMEOUT)

    const checks = conformanceChecks(backend, options)
    for (const topic of new Set(checks.map((check) => check.topic))) {
      describe(topic, () => {
        for (const check of checks.filter((candidate) => candidate.topic === topic)) {
          test(check.title, { timeout: TIMEOUT }, () => runCheck(check, bench))
        }
      })
    }
  })
}
