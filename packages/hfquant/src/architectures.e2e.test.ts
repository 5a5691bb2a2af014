import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Architecture, knownArchitectures } from '@hfquant/models'
import { describeArchitecture } from '@hfquant/testkit'
import { AutoModelForCausalLM, recipe } from './index.js'
import { golden } from './testing/golden.fixture.js'

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

for (const architecture of knownArchitectures()) {
  const goldens = foldersOf(architecture)
  describeArchitecture(architecture, { frontDoor: AutoModelForCausalLM, goldens, configs })
}
