import { ConfigError, type QuantizerBackend } from '@hfquant/core'
import { abortChecks } from '../checks/abort.js'
import { calibrationChecks } from '../checks/calibration.js'
import { capabilityChecks } from '../checks/capabilities.js'
import { componentChecks } from '../checks/components.js'
import { computationChecks } from '../checks/computation.js'
import { configurationChecks } from '../checks/configuration.js'
import { determinismChecks } from '../checks/determinism.js'
import { deviceMapChecks } from '../checks/device-maps.js'
import { errorChecks } from '../checks/errors.js'
import { frontDoorChecks } from '../checks/front-door.js'
import { integerChecks } from '../checks/integers.js'
import { lifecycleChecks } from '../checks/lifecycle.js'
import { memoryChecks } from '../checks/memory.js'
import { mergingChecks } from '../checks/merging.js'
import { moduleChecks } from '../checks/modules.js'
import { restoredWeightChecks } from '../checks/restored-weights.js'
import { saveAndReloadChecks } from '../checks/save-and-reload.js'
import { savingChecks } from '../checks/saving.js'
import { skipListChecks } from '../checks/skip-list.js'
import { tiedAndTurnedChecks } from '../checks/tied-and-turned-weights.js'
import { succeeding } from './breach.js'
import { abilitiesOf, type ConformanceCheck, namedConfigs } from './check.js'
import type { ConformanceOptions } from './options.js'
import { openWorkbench, type Workbench } from './workbench.js'

const TOPICS = [
  configurationChecks,
  mergingChecks,
  lifecycleChecks,
  deviceMapChecks,
  moduleChecks,
  skipListChecks,
  componentChecks,
  restoredWeightChecks,
  integerChecks,
  saveAndReloadChecks,
  tiedAndTurnedChecks,
  savingChecks,
  determinismChecks,
  memoryChecks,
  computationChecks,
  capabilityChecks,
  calibrationChecks,
  errorChecks,
  abortChecks,
  frontDoorChecks,
] as const

/**
 * Every check of the suite that applies to a backend, in the order in which they are worth reading.
 *
 * @throws ConfigError when the options have no configuration to try.
 */
export function conformanceChecks(
  backend: QuantizerBackend,
  options: ConformanceOptions,
): readonly ConformanceCheck[] {
  if (Object.keys(options.configs).length === 0) {
    throw new ConfigError('OPTION_VALUE', '`configs` is empty, expected at least one configuration', {
      field: 'configs',
      hint: "Write configs: { 'its name': { config: myQuantizer() } }.",
    })
  }
  const abilities = abilitiesOf(backend, namedConfigs(options)[0]!)
  return TOPICS.flatMap((checks) => checks(options)).filter(({ needs = [] }) =>
    needs.every((ability) => abilities.has(ability)),
  )
}

/**
 * Runs a check, and closes what it opened.
 *
 * @throws ContractBreach, whatever went wrong.
 */
export async function runCheck(check: ConformanceCheck, bench: Workbench): Promise<void> {
  try {
    await succeeding('the check', 'what is asked for is done, or refused where it has to be', () =>
      check.run(bench),
    )
  } finally {
    await bench.release()
  }
}

/** A check that a backend does not pass. */
export interface FailedCheck {
  readonly check: ConformanceCheck
  readonly error: unknown
}

/** Runs the suite without a test runner. @returns the checks that failed. */
export async function runConformance(
  backend: QuantizerBackend,
  options: ConformanceOptions,
): Promise<readonly FailedCheck[]> {
  await using bench = await openWorkbench(backend)
  const failed: FailedCheck[] = []
  for (const check of conformanceChecks(backend, options)) {
    try {
      await runCheck(check, bench)
    } catch (error) {
      failed.push({ check, error })
    }
  }
  return failed
}
