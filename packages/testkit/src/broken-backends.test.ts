import type { QuantizerBackend } from '@hfquant/core'
import { describe, expect, test } from 'vitest'
import { ContractBreach, conformanceChecks, openWorkbench } from './index.js'
import * as broken from './testing/broken-backends.fixture.js'

/** Errors of the checks whose title has some words in it. */
async function failures(backend: QuantizerBackend, title: string): Promise<readonly unknown[]> {
  const options = { configs: { 'int8 per row': { config: backend.parseConfig({}) } } }
  const checks = conformanceChecks(backend, options).filter((check) => check.title.includes(title))
  expect(checks).not.toEqual([])
  await using bench = await openWorkbench(backend)
  const errors: unknown[] = []
  for (const check of checks) await check.run(bench).catch((error) => errors.push(error))
  return errors
}

describe('a backend that is broken on purpose does not pass, and is told what is wrong', () => {
  test.each<[fault: string, backend: QuantizerBackend, check: string, problem: RegExp]>([
    [
      'wrong component order',
      broken.wrongComponentOrder,
      'close to the original ones',
      /up_proj .*row \d+ is restored with an error of .* % .*\n.*reads the components by the keys under which the other wrote them/,
    ],
    [
      'dropped tied head',
      broken.droppedTiedHead,
      'a tied head',
      /has no lm_head any more\n.*tied modules share one parameter/,
    ],
    [
      'non-deterministic bytes',
      broken.randomBytes,
      'bytes depend neither',
      /byte \d+ of \d+ is .* in the second run, .* in the first run\n.*no random numbers/,
    ],
    [
      'ignored skip list',
      broken.ignoredSkipList,
      'skip list stay in float',
      /classifier\.dense was quantized, although the skip list names model\.layers\.1\.classifier/,
    ],
    [
      'silent shape mismatch',
      broken.silentShapeMismatch,
      'a damaged component',
      /up_proj\.weight is of another (length|shape) was accepted in silence\n.*checked against the shape/,
    ],
    [
      'leaking memory',
      broken.leakingMemory,
      'a wide layer',
      /[\d.]+ MiB are held; the result takes [\d.]+ MiB\n.*must not be kept/,
    ],
    [
      'swallowed abort',
      broken.swallowedAbort,
      'called off',
      /was accepted in silence\n.*a signal ends loading at once, with its own reason/,
    ],
    [
      'wrong JSON',
      broken.wrongJson,
      'to JSON and back',
      /"levels" is 126 in the configuration, and 125 after toDict\(\) and parseConfig/,
    ],
    [
      'mutation of the shell before validation',
      broken.lateValidation,
      'before the shell is changed',
      /RUNTIME_MISSING\) after the shell was changed: .*up_proj.*\n.*before preprocess touches the shell/,
    ],
    [
      'lossy re-save',
      broken.lossyResave,
      'equal files',
      /weight_scale: byte \d+ .* in the files that were saved again, .* in the files that were loaded\n.*what is stored is passed on/,
    ],
    [
      'tied head saved twice',
      broken.doubledTiedHead,
      'a tied head',
      /would save lm_head\.weight, which it shares with model\.embed_tokens/,
    ],
    [
      'lowering without scales',
      broken.wrongLowering,
      'fast logits',
      /fast logits with memory 'auto' and exact ones differ by .* % of the largest logit/,
    ],
    [
      'threads that make other constants',
      broken.wrongPieces,
      'constants that threads make',
      /byte 0 of .*\.codes is \d+ in pieces, and \d+ in chunks\n.*each of them once/,
    ],
    [
      'integers of another weight',
      broken.wrongIntegers,
      'weights that are integers',
      /is restored as .* in row 0, column 0, and its integers say .*\n.*and nothing else/,
    ],
    [
      'scales that are rounded when they are stored again',
      broken.lossyPack,
      'weights that are integers',
      /converted, .* has other scales: .* at element \d+\n.*bit for bit/,
    ],
    ['division by zero', broken.dividesByZero, 'rows of zeros', /row of magnitude 0 is restored as NaN/],
    [
      'untyped refusal',
      broken.untypedRefusal,
      'odd shapes',
      /a weight \[1, 1\] threw Error: odd number of columns\n.*typed classes/,
    ],
    [
      'unchecked values',
      broken.uncheckedConfig,
      'wrong type',
      /"levels" takes an object, a list, a text, a number and a boolean alike/,
    ],
    [
      'skip without a reason',
      broken.silentSkip,
      'each with a reason',
      /up_proj stays in float, and should be quantized/,
    ],
  ])('%s', async (_fault, backend, check, problem) => {
    const errors = await failures(backend, check)
    expect(errors).toEqual([expect.any(ContractBreach)])
    expect((errors[0] as ContractBreach).message).toMatch(problem)
  })
})
