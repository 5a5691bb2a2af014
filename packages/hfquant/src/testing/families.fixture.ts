import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Architecture, knownArchitectures } from '@hfquant/models'
import { describeArchitecture, describeEncoder } from '@hfquant/testkit'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  recipe,
} from '../index.js'
import { golden } from './golden.fixture.js'

/** How names begin at which a test file begins, so that files run beside each other: each is named by one of them. */
const STARTS = ['A', 'D', 'G', 'GP', 'M', 'P'] as const

/** Registers the suites of the families from a beginning to the next of `STARTS`, or to the last family there is. */
export function describeFamilies(start: (typeof STARTS)[number]): void {
  for (const architecture of knownArchitectures()) {
    if (startOf(architecture) !== start) continue
    const goldens = foldersOf(architecture)
    if (architecture.kind === 'encoder') describeEncoder(architecture, { doors, goldens, configs })
    else describeArchitecture(architecture, { frontDoor: AutoModelForCausalLM, goldens, configs })
  }
}

const doors = {
  'hidden-states': AutoModel,
  'sequence-classification': AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'masked-lm': AutoModelForMaskedLM,
}

/** The one file that a family belongs to, whatever it is called: what is before the first start belongs to that. */
function startOf({ names, modelTypes }: Architecture): (typeof STARTS)[number] {
  const name = (names[0] ?? modelTypes[0] ?? '').toUpperCase()
  return STARTS.filter((start) => start <= name).at(-1) ?? STARTS[0]
}

/** Ways to quantize whose products, constants and layouts differ. */
const configs = {
  'rtn-int4': await recipe('rtn-int4'),
  nf4: await recipe('nf4'),
  'int8-dynamic-act-int8-weight': await recipe('int8-dynamic-act-int8-weight'),
}

/** Folders that the Python library wrote, by the name of their architecture. */
const folders = readdirSync(golden('architectures'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => golden(`architectures/${name}`))

const configOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))

/** Folders of a family, and behind them those of models that have one of the family inside. */
function foldersOf({ names, modelTypes }: Architecture): string[] {
  const own = folders.filter((folder) => names.includes(configOf(folder).architectures?.[0]))
  const around = folders.filter((folder) => modelTypes.includes(configOf(folder).text_config?.model_type))
  return [...own, ...around]
}
