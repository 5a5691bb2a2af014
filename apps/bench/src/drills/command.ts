import { parseArgs } from 'node:util'
import { someOf } from '../measure/arguments.js'
import { formatVerdicts, type Verdict } from '../serve/verdict.js'
import { grammars } from './grammars.js'
import { keys } from './keys.js'
import { longPrompt } from './long-prompt.js'
import { manyRequests } from './many-requests.js'
import { preemption } from './preemption.js'

const DRILLS: Readonly<Record<string, () => Promise<readonly Verdict[]>>> = {
  preemption,
  'long-prompt': longPrompt,
  ...{ keys, grammars },
  'many-requests': manyRequests,
}

export const DRILLS_USAGE = `  pnpm bench drills [--only keys,…]
                                                      hfquant serve where it is hard, with the bundled model: a cache
                                                      that is too small, a long prompt before short ones, wrong keys,
                                                      hostile schemas, thousands of requests that are given up.
                                                      Of: ${Object.keys(DRILLS).join(', ')}`

export async function runDrills(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string', default: Object.keys(DRILLS).join(',') } },
  })
  const verdicts: Verdict[] = []
  for (const name of someOf('only', values.only, Object.keys(DRILLS))) {
    console.error(name)
    verdicts.push(...(await DRILLS[name]!()))
  }
  console.log(formatVerdicts(verdicts))
  if (verdicts.some(({ isMet }) => isMet === false)) process.exitCode = 1
}
